// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "meta/die_stream.h"

namespace allocs::meta {

struct PcRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const PcRange&, const PcRange&) = default;
};

// Appends the code that `die` covers (DW_AT_low_pc and high_pc, or DW_AT_ranges), without empty ranges, in the order
// of the file. False if the entry does not say.
bool read_pc_ranges(const Unit& unit, const Die& die, std::vector<PcRange>& ranges);

struct LocationEntry {
  PcRange range;  // everything for the default entry of DWARF 5
  std::span<const std::byte> expression;
};

// Appends the entries of the location list that `value` refers to.
void read_location_list(const Unit& unit, const AttributeValue& value,
                        std::vector<LocationEntry>& entries);

}  // namespace allocs::meta
