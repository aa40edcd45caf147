// SPDX-License-Identifier: Apache-2.0
#include "types/write/object_model.h"

#include <algorithm>

#include "base/byte_reader.h"

namespace allocs::types {

void append_uleb(std::vector<std::byte>& bytes, std::uint64_t value) {
  do {
    const auto low = static_cast<std::uint8_t>(value & 0x7F);
    value >>= 7;
    bytes.push_back(std::byte(value != 0 ? low | 0x80 : low));
  } while (value != 0);
}

void append_sleb(std::vector<std::byte>& bytes, std::int64_t value) {
  for (;;) {
    const auto low = static_cast<std::uint8_t>(value & 0x7F);
    value >>= 7;
    const bool last = (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
    bytes.push_back(std::byte(last ? low : low | 0x80));
    if (last) return;
  }
}

std::uint32_t append_locations(std::vector<std::byte>& locations, std::uint64_t function_low,
                               std::span<const LocationPiece> pieces) {
  const auto at = static_cast<std::uint32_t>(locations.size());
  append_uleb(locations, pieces.size());
  std::uint64_t end = function_low;
  for (const LocationPiece& piece : pieces) {
    append_uleb(locations, piece.low - end);
    append_uleb(locations, piece.high - piece.low);
    append_uleb(locations, static_cast<std::uint64_t>(piece.kind));
    append_sleb(locations, piece.value);
    end = piece.high;
  }
  return at;
}

std::vector<LocationPiece> read_locations(std::span<const std::byte> locations, std::uint32_t at,
                                          std::uint64_t function_low, std::uint32_t* end_of_list) {
  std::vector<LocationPiece> pieces;
  if (at >= locations.size()) return pieces;
  ByteReader reader{locations.data() + at, locations.size() - at};
  LocationReader list{reader, function_low};
  constexpr std::size_t kShortest = 4;  // bytes of a piece
  pieces.reserve(std::min(list.left(), reader.remaining() / kShortest));
  for (LocationPiece piece; list.next(piece);) pieces.push_back(piece);
  if (end_of_list != nullptr)
    *end_of_list = static_cast<std::uint32_t>(reader.position() - locations.data());
  return pieces;
}

std::span<const std::byte> expression_at(std::span<const std::byte> locations, std::uint64_t at) {
  if (at >= locations.size()) return {};
  ByteReader reader{locations.data() + at, locations.size() - at};
  const std::uint64_t size = reader.read_uleb();
  if (!reader.ok() || size > reader.remaining()) return {};
  return {reader.position(), size};
}

std::vector<std::vector<LocationPiece>> read_counts(std::span<const std::byte> locations,
                                                    std::uint32_t at, std::uint64_t function_low) {
  std::vector<std::vector<LocationPiece>> counts;
  read_locations(locations, at, function_low, &at);
  if (at >= locations.size()) return counts;
  ByteReader reader{locations.data() + at, locations.size() - at};
  std::uint64_t left = reader.read_uleb();
  at = static_cast<std::uint32_t>(reader.position() - locations.data());
  for (; left > 0 && at < locations.size(); --left)
    counts.push_back(read_locations(locations, at, function_low, &at));
  return counts;
}

const FunctionRecord* function_at(const ObjectModel& model, std::uint64_t pc) {
  const auto& functions = model.functions;
  auto after =
      std::upper_bound(functions.begin(), functions.end(), pc,
                       [](std::uint64_t at, const FunctionRecord& f) { return at < f.low; });
  if (after == functions.begin()) return nullptr;
  --after;
  return pc - after->low < after->length ? &*after : nullptr;
}

const FunctionRecord* function_with_entry(const ObjectModel& model, std::uint64_t address) {
  const FunctionRecord* function = function_at(model, address);
  return function != nullptr && function->low == address ? function : nullptr;
}

std::span<const VariableRecord> variables_of(const ObjectModel& model,
                                             const FunctionRecord& function) {
  return std::span{model.variables}.subspan(function.first_variable, function.variable_count);
}

}  // namespace allocs::types
