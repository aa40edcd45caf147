// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/fork_handler.h"

#include "runtime/allocators/malloc_family.h"

namespace allocs::self {

// The C library has pthread_atfork for static linking only.
void call_in_forked_children(void (*in_child)()) {
  using Handler = void (*)();
  using Register = int(Handler prepare, Handler parent, Handler child, void* object);
  const auto add = reinterpret_cast<Register*>(allocators::c_library_function("__register_atfork"));
  if (add != nullptr) add(nullptr, nullptr, in_child, nullptr);
}

}  // namespace allocs::self
