// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meta/object_file.h"
#include "types/write/string_pool.h"

namespace allocs::meta {

struct SourceLine {
  types::StringRef file =
      0;  // as the line table has it: relative to the unit's directory, or absolute
  std::uint32_t line = 0;           // 0: none, or not known
  std::uint32_t column = 0;         // from 1; 0: not known
  std::uint64_t discriminator = 0;  // 0: none
  std::uint64_t table = 0;          // offset of the unit's part of .debug_line
  bool is_in_table = false;         // with line 0: the code belongs to no line, or to several
};

// The source lines of `addresses`, which must be sorted. Runs the line programs once, whatever the number of
// addresses, so ask for all of them together. To find the line of a call ask for its return address minus one.
std::vector<SourceLine> lines_of(const ObjectFiles& files, std::span<const std::uint64_t> addresses,
                                 types::StringPool& strings, Diagnostics& diag);

}  // namespace allocs::meta
