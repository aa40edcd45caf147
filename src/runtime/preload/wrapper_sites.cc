// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/wrapper_sites.h"

#include "base/every_process.h"
#include "runtime/allocators/wrappers.h"

// Where the hooks get to know what metadata says.
namespace allocs::allocators {

[[ALLOCS_EVERY_PROCESS]] bool is_wrapper_site(index::ModuleRecord& module, std::uint64_t offset) {
  return self::is_wrapper_site(module, offset);
}

[[ALLOCS_EVERY_PROCESS]] bool is_site_of_constant(index::ModuleRecord& module,
                                                  std::uint64_t offset) {
  return self::is_site_of_constant(module, offset);
}

}  // namespace allocs::allocators
