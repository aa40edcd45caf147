// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/records.h"

// The file of a loaded object of this process. Context: signal.
namespace allocs::self {

inline const char* path_text(const index::ModuleRecord& module) {
  const auto* path = reinterpret_cast<const char*>(raw(module.path));
  return path == nullptr ? "" : path;
}

// What can be opened: the loader knows the executable by an empty name.
inline const char* file_to_open(const index::ModuleRecord& module) {
  const char* path = path_text(module);
  return module.is_executable != 0 || path[0] == '\0' ? "/proc/self/exe" : path;
}

}  // namespace allocs::self
