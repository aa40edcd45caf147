// SPDX-License-Identifier: Apache-2.0
#include "meta/range_lists.h"

#include <cstring>
#include <optional>

#include "base/byte_reader.h"

namespace allocs::meta {

namespace {

constexpr std::uint64_t kSelectsBase = ~std::uint64_t{0};

ByteReader reader_at(std::span<const std::byte> section, std::uint64_t offset) {
  if (offset >= section.size()) return {};
  return {section.data() + offset, section.size() - offset};
}

// Where list number `index` begins: the table of offsets at `base` says.
std::optional<std::uint64_t> list_offset(const Unit& unit, std::span<const std::byte> section,
                                         std::uint64_t base, std::uint64_t index) {
  if (index > section.size()) return std::nullopt;
  ByteReader reader = reader_at(section, base + index * unit.offset_size);
  const std::uint64_t offset =
      unit.offset_size == 8 ? reader.read<std::uint64_t>() : reader.read<std::uint32_t>();
  if (!reader.ok()) return std::nullopt;
  return base + offset;
}

// The shape that the lists of DWARF 5 share; `kHasExpression` tells .debug_loclists from .debug_rnglists, whose codes
// for the same ideas differ.
struct ListCodes {
  std::uint8_t end, base_index, index_end, index_length, offset_pair, default_location, base,
      start_end, start_length;
};
constexpr ListCodes kLocationCodes{
    DW_LLE_end_of_list,   DW_LLE_base_addressx, DW_LLE_startx_endx,
    DW_LLE_startx_length, DW_LLE_offset_pair,   DW_LLE_default_location,
    DW_LLE_base_address,  DW_LLE_start_end,     DW_LLE_start_length};
constexpr ListCodes kRangeCodes{DW_RLE_end_of_list,   DW_RLE_base_addressx, DW_RLE_startx_endx,
                                DW_RLE_startx_length, DW_RLE_offset_pair,   0xFF,
                                DW_RLE_base_address,  DW_RLE_start_end,     DW_RLE_start_length};
constexpr std::uint8_t kGnuViewPair = 9;  // two numbers that only a debugger's stepping needs

template <bool kHasExpression, typename Take>
void read_list(const Unit& unit, ByteReader reader, Take take) {
  constexpr ListCodes kCodes = kHasExpression ? kLocationCodes : kRangeCodes;
  std::uint64_t base = unit.base_address;
  const auto indexed = [&] { return unit.indexed_address(reader.read_uleb()).value_or(0); };
  while (reader.ok() && !reader.at_end()) {
    const auto code = reader.read<std::uint8_t>();
    PcRange range;
    if (code == kCodes.end) return;
    if (code == kCodes.base_index) {
      base = indexed();
      continue;
    }
    if (code == kCodes.base) {
      base = reader.read<std::uint64_t>();
      continue;
    }
    if (kHasExpression && code == kGnuViewPair) {
      reader.read_uleb();
      reader.read_uleb();
      continue;
    }
    if (code == kCodes.index_end) {
      range.low = indexed();
      range.high = indexed();
    } else if (code == kCodes.index_length) {
      range.low = indexed();
      range.high = range.low + reader.read_uleb();
    } else if (code == kCodes.offset_pair) {
      range.low = base + reader.read_uleb();
      range.high = base + reader.read_uleb();
    } else if (code == kCodes.start_end) {
      range.low = reader.read<std::uint64_t>();
      range.high = reader.read<std::uint64_t>();
    } else if (code == kCodes.start_length) {
      range.low = reader.read<std::uint64_t>();
      range.high = range.low + reader.read_uleb();
    } else if (kHasExpression && code == kCodes.default_location) {
      range = {0, ~std::uint64_t{0}};
    } else {
      return;
    }
    std::span<const std::byte> expression;
    if constexpr (kHasExpression) {
      const std::uint64_t size = reader.read_uleb();
      if (!reader.ok() || size > reader.remaining()) return;
      expression = {reader.position(), size};
      reader.skip(size);
    }
    if (reader.ok() && range.low < range.high) take(range, expression);
  }
}

// The pairs of DWARF 2 to 4.
template <bool kHasExpression, typename Take>
void read_old_list(const Unit& unit, ByteReader reader, Take take) {
  std::uint64_t base = unit.base_address;
  while (reader.ok()) {
    const auto low = reader.read<std::uint64_t>();
    const auto high = reader.read<std::uint64_t>();
    if (!reader.ok() || (low == 0 && high == 0)) return;
    if (low == kSelectsBase) {
      base = high;
      continue;
    }
    std::span<const std::byte> expression;
    if constexpr (kHasExpression) {
      const std::size_t size = reader.read<std::uint16_t>();
      if (!reader.ok() || size > reader.remaining()) return;
      expression = {reader.position(), size};
      reader.skip(size);
    }
    if (low < high) take(PcRange{base + low, base + high}, expression);
  }
}

// The location lists of split units before DWARF 5: addresses by their index, lengths of 32 bits.
template <typename Take>
void read_gnu_split_list(const Unit& unit, ByteReader reader, Take take) {
  enum : std::uint8_t { kEnd, kBase, kStartEnd, kStartLength, kOffsetPair };
  std::uint64_t base = unit.base_address;
  const auto indexed = [&] { return unit.indexed_address(reader.read_uleb()).value_or(0); };
  while (reader.ok() && !reader.at_end()) {
    PcRange range;
    switch (reader.read<std::uint8_t>()) {
      case kBase:
        base = indexed();
        continue;
      case kStartEnd:
        range.low = indexed();
        range.high = indexed();
        break;
      case kStartLength:
        range.low = indexed();
        range.high = range.low + reader.read<std::uint32_t>();
        break;
      case kOffsetPair:
        range.low = base + reader.read<std::uint32_t>();
        range.high = base + reader.read<std::uint32_t>();
        break;
      case kGnuViewPair:
        reader.read_uleb();
        reader.read_uleb();
        continue;
      default:  // the end, or nothing that is known
        return;
    }
    const std::size_t size = reader.read<std::uint16_t>();
    if (!reader.ok() || size > reader.remaining()) return;
    const std::span<const std::byte> expression{reader.position(), size};
    reader.skip(size);
    if (range.low < range.high) take(range, expression);
  }
}

}  // namespace

bool read_pc_ranges(const Unit& unit, const Die& die, std::vector<PcRange>& ranges) {
  if (die.has(At::ranges)) {
    const AttributeValue& value = die[At::ranges];
    const auto take = [&](PcRange range, std::span<const std::byte>) {
      if (range.low < range.high) ranges.push_back(range);
    };
    if (unit.version < 5) {
      // Split units count from where the linker put the lists of their compilation.
      const std::uint64_t base = unit.is_split ? unit.rnglists_base : 0;
      read_old_list<false>(unit, reader_at(unit.sections->ranges, base + value.number), take);
      return true;
    }
    std::optional<std::uint64_t> offset = value.number;
    if (value.kind == ValueClass::list_index) {
      offset = list_offset(unit, unit.sections->rnglists, unit.rnglists_base, value.number);
    }
    if (offset) read_list<false>(unit, reader_at(unit.sections->rnglists, *offset), take);
    return true;
  }
  if (!die.has(At::low_pc) || !die.has(At::high_pc)) return false;
  const auto low = unit.address(die[At::low_pc]);
  if (!low) return true;
  const AttributeValue& end = die[At::high_pc];
  const auto high = unit.address(end);
  const PcRange range{*low, high ? *high : *low + end.number};
  if (range.low < range.high) ranges.push_back(range);
  return true;
}

void read_location_list(const Unit& unit, const AttributeValue& value,
                        std::vector<LocationEntry>& entries) {
  const auto take = [&](PcRange range, std::span<const std::byte> expression) {
    if (range.low < range.high) entries.push_back({range, expression});
  };
  if (unit.version < 5 && unit.is_split) {
    read_gnu_split_list(unit, reader_at(unit.sections->loc, value.number), take);
    return;
  }
  if (unit.version < 5) {
    read_old_list<true>(unit, reader_at(unit.sections->loc, value.number), take);
    return;
  }
  std::optional<std::uint64_t> offset = value.number;
  if (value.kind == ValueClass::list_index) {
    offset = list_offset(unit, unit.sections->loclists, unit.loclists_base, value.number);
  }
  if (offset) read_list<true>(unit, reader_at(unit.sections->loclists, *offset), take);
}

}  // namespace allocs::meta
