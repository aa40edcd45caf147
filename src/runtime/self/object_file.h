// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/records.h"
#include "runtime/self/program_path.h"

// The file of a loaded object of this process. Context: signal.
namespace allocs::self {

inline const char* path_text(const index::ModuleRecord& module) {
  if (module.is_executable != 0) return program_path();
  const auto* path = reinterpret_cast<const char*>(raw(module.path));
  return path == nullptr ? "" : path;
}

// What can be opened: the loader knows the executable by an empty name.
inline const char* file_to_open(const index::ModuleRecord& module) {
  if (module.is_executable != 0) return "/proc/self/exe";
  const char* const path = path_text(module);
  return path[0] == '\0' ? "/proc/self/exe" : path;
}

}  // namespace allocs::self
