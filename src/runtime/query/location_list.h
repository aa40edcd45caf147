// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/byte_reader.h"
#include "elf/cfi.h"
#include "types/image.h"

// The location lists of an image, as types::VariableRecord describes them.
namespace allocs::query {

struct LocationEntry {
  std::uint64_t begin = 0;  // link addresses
  std::uint64_t end = 0;
  types::LocationKind kind = types::LocationKind::memory;
  std::int64_t value = 0;

  bool covers(std::uint64_t pc) const { return pc >= begin && pc < end; }
};

// At the list of a variable; not ok() if there is none. Context: signal.
inline ByteReader reader_of_locations(const types::Image& image,
                                      const types::VariableRecord& variable) {
  const auto bytes = image.table<std::byte>(types::Table::locations);
  if (variable.locations >= bytes.size()) {
    ByteReader none;
    none.skip(1);
    return none;
  }
  return {bytes.data() + variable.locations, bytes.size() - variable.locations};
}

// May the next entry, or number of entries, be believed? None is longer than four numbers of ten bytes.
inline bool is_next_sound(const types::Image& image, const ByteReader& reader) {
  constexpr std::size_t kLongest = 40;
  const std::size_t size = reader.remaining() < kLongest ? reader.remaining() : kLongest;
  return image.is_sound(reader.position(), size);
}

// Calls visit(LocationEntry) for each entry of the list at `reader`, which moves past it. Damage ends the list, and makes the reader
// fail. Context: signal.
template <typename Visit>
void read_location_list(const types::Image& image, ByteReader& reader, std::uint64_t function_low,
                        Visit&& visit) {
  if (!reader.ok() || !is_next_sound(image, reader)) return;
  std::uint64_t at = function_low;
  for (std::uint64_t left = reader.read_uleb(); left > 0 && reader.ok(); --left) {
    if (!is_next_sound(image, reader)) {
      reader.skip(reader.remaining() + 1);
      return;
    }
    LocationEntry entry;
    entry.begin = at + reader.read_uleb();
    entry.end = entry.begin + reader.read_uleb();
    entry.kind = static_cast<types::LocationKind>(reader.read_uleb());
    entry.value = reader.read_sleb();
    if (!reader.ok()) return;
    visit(entry);
    at = entry.end;
  }
}

// The expression that an entry of kind `computed` or `value` refers to; an empty one if that is damaged. Context: signal.
inline elf::Expression expression_of(const types::Image& image, const LocationEntry& entry) {
  const auto bytes = image.table<std::byte>(types::Table::locations);
  const auto offset = static_cast<std::uint64_t>(entry.value);
  if (offset >= bytes.size()) return {};
  ByteReader reader{bytes.data() + offset, bytes.size() - offset};
  if (!is_next_sound(image, reader)) return {};
  const std::uint64_t size = reader.read_uleb();
  if (!reader.ok() || size > reader.remaining() || size > 0xFFFF) return {};
  if (!image.is_sound(reader.position(), static_cast<std::size_t>(size))) return {};
  elf::Expression expression;
  expression.bytes = reader.position();
  expression.size = static_cast<decltype(expression.size)>(size);
  return expression;
}

// The variables of a function; none if the record is damaged. Context: signal.
inline std::span<const types::VariableRecord> variables_of(const types::Image& image,
                                                           const types::FunctionRecord& function) {
  return image.variables_of(function);
}

// Does only the running frame tell where a variable is, or how large? Such a variable is no member of the frame's type.
inline bool is_found_at_run_time(const types::VariableRecord& variable,
                                 const LocationEntry& entry) {
  using types::LocationKind;
  if (entry.kind == LocationKind::computed) return true;
  return (variable.flags & types::kVariableSized) != 0 && entry.kind != LocationKind::in_register &&
         entry.kind != LocationKind::value;
}

}  // namespace allocs::query
