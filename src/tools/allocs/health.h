// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// What `allocs doctor` looks at. Each check tells one subject: how it stands, what was seen, and what to do about it.
namespace allocs::tool {

enum class Health {
  good,
  limited,  // works, but less well than it could
  broken,
};

struct Diagnosis {
  std::string subject;
  Health health = Health::good;
  std::string finding;
  std::string advice;  // empty unless something can be done
};

// Read-only but for a temporary file and, where it is missing and can be made, the user's cache directory.
std::vector<Diagnosis>
examine_installation();  // the library, and that programs can be run under it
std::vector<Diagnosis>
examine_metadata();  // the cache, the images in it, debug information of the C library
std::vector<Diagnosis> examine_system();     // kernel, C library, limits
std::vector<Diagnosis> examine_toolchain();  // compiler wrappers and their plugin

}  // namespace allocs::tool
