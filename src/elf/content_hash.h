// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/hash.h"
#include "elf/file.h"

namespace allocs::elf {

// A hash of what the loader maps: addresses, sizes, flags and bytes of all PT_LOAD segments, without the file header and
// the program headers, which tools rewrite when they change what is not loaded. It tells an object without a build-id from
// any other, and is the same after strip or after a section was put into the file.
// Absent when the file is no good or nothing is loaded. Reads all of the segments. Context: query.
std::optional<Hash128> hash_of_loaded_content(const File& file);

}  // namespace allocs::elf
