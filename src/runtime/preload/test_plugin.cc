// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

// An object to be loaded and unloaded.
extern "C" void* plugin_allocate() {
  void* volatile block = std::malloc(100);
  return block;
}
