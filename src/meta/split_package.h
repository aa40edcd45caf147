// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace allocs::meta {

// The sections of a package of split units (.dwp) that an index divides among its units.
enum class PackageSection : std::uint8_t {
  info,
  types,
  abbrev,
  line,
  loc,
  str_offsets,
  loclists,
  rnglists,
  count_
};

// A unit's part of each section of a package.
struct PackageEntry {
  struct Part {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  std::uint64_t signature = 0;  // dwo_id of a compile unit, signature of a type unit
  std::array<Part, static_cast<std::size_t>(PackageSection::count_)> parts{};
  const Part& operator[](PackageSection section) const {
    return parts[static_cast<std::size_t>(section)];
  }
};

// Reads .debug_cu_index or .debug_tu_index, of version 2 (GNU, for DWARF 4) or 5. What does not fit into the section is left out.
std::vector<PackageEntry> read_package_index(std::span<const std::byte> index);

}  // namespace allocs::meta
