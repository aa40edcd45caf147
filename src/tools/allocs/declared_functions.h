// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "declarations/declarations.h"
#include "runtime/metadata/places.h"

namespace allocs::tool {

// What is built in, and what the configuration files and variables of `places` declare. A file that was named and cannot be read
// is told among the problems.
declarations::Declarations declared_functions(const metadata::Places& places);

// The program whose own configuration counts when metadata of `object` is made: `object`, if it is one; else none.
std::filesystem::path program_of(const std::filesystem::path& object);

}  // namespace allocs::tool
