// SPDX-License-Identifier: Apache-2.0
#include "meta/split_package.h"

#include <cstring>
#include <optional>

#include "base/byte_reader.h"

namespace allocs::meta {

namespace {

// DW_SECT_* of DWARF 5, and those of the GNU extension to DWARF 4 before it.
std::optional<PackageSection> section_of(std::uint32_t number, bool is_gnu) {
  switch (number) {
    case 1:
      return PackageSection::info;
    case 2:
      return is_gnu ? std::optional(PackageSection::types) : std::nullopt;
    case 3:
      return PackageSection::abbrev;
    case 4:
      return PackageSection::line;
    case 5:
      return is_gnu ? PackageSection::loc : PackageSection::loclists;
    case 6:
      return PackageSection::str_offsets;
    case 8:
      return is_gnu ? std::nullopt : std::optional(PackageSection::rnglists);
    default:
      return std::nullopt;
  }
}

// A table of 32-bit numbers, row by row.
struct Table {
  std::span<const std::byte> bytes;
  std::uint64_t columns = 0;
  std::uint32_t at(std::uint64_t row, std::uint64_t column) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + (row * columns + column) * sizeof value, sizeof value);
    return value;
  }
};

}  // namespace

std::vector<PackageEntry> read_package_index(std::span<const std::byte> index) {
  ByteReader reader{index.data(), index.size()};
  const auto version = reader.read<std::uint32_t>();  // in DWARF 5 a half and two bytes of zero
  const std::uint64_t columns = reader.read<std::uint32_t>();
  const std::uint64_t units = reader.read<std::uint32_t>();
  const std::uint64_t slots = reader.read<std::uint32_t>();
  const bool is_gnu = version == 2;
  if (!reader.ok() || (!is_gnu && version != 5)) return {};
  constexpr std::uint64_t kHeader = 16;
  constexpr std::uint64_t kMostColumns = 16;
  constexpr std::uint64_t kNumber = sizeof(std::uint32_t);
  if (columns > kMostColumns) return {};
  const std::uint64_t rows = kHeader + slots * (sizeof(std::uint64_t) + kNumber);
  const std::uint64_t needed = rows + columns * kNumber * (1 + 2 * units);
  if (needed > index.size()) return {};
  const Table numbers{index.subspan(rows, columns * kNumber), columns};
  const Table offsets{index.subspan(rows + columns * kNumber, units * columns * kNumber), columns};
  const Table sizes{index.subspan(rows + columns * kNumber * (1 + units)), columns};

  std::vector<PackageEntry> entries;
  for (std::uint64_t slot = 0; slot < slots; ++slot) {
    PackageEntry entry;
    std::uint32_t row = 0;  // from 1; 0: the slot is empty
    std::memcpy(&entry.signature, index.data() + kHeader + slot * sizeof entry.signature,
                sizeof entry.signature);
    std::memcpy(&row, index.data() + kHeader + slots * sizeof entry.signature + slot * sizeof row,
                sizeof row);
    if (row == 0 || row > units) continue;
    for (std::uint64_t column = 0; column < columns; ++column) {
      if (const auto section = section_of(numbers.at(0, column), is_gnu)) {
        entry.parts[static_cast<std::size_t>(*section)] = {offsets.at(row - 1, column),
                                                           sizes.at(row - 1, column)};
      }
    }
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace allocs::meta
