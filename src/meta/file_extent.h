// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "meta/diagnostics.h"

namespace allocs::meta {

// Warns of the first part that the headers of a 64-bit ELF file place beyond its end: the file was cut. `file` is all of it.
void check_extent(const std::string& path, std::span<const std::byte> file, Diagnostics& diag);

}  // namespace allocs::meta
