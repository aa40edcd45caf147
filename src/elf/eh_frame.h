// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_reader.h"
#include "base/every_process.h"
#include "base/memory.h"
#include "elf/cfi.h"
#include "elf/eh_pointer.h"

// Finding the two .eh_frame records of a pc, over any memory.
//
// .eh_frame is a sequence of CIEs (what several functions share) and FDEs (one function each). .eh_frame_hdr holds a
// table of (first byte of function, its FDE), sorted, both as 32-bit distances from the header: a binary search, 70 ns in
// all with the rule. Without a usable table the records are walked one by one.
namespace allocs::elf {

// Where one object keeps its frame information. Nothing outside `bounds` is ever viewed.
struct EhFrame {
  Address header{};       // .eh_frame_hdr (PT_GNU_EH_FRAME); 0: unknown
  Address records{};      // .eh_frame, needed only when there is no header; 0: unknown
  AddressRange bounds{};  // the readable segment that holds both
};

struct FrameRecords {
  FrameRecord common;
  FrameRecord function;
};

namespace eh_frame {

struct Header {
  Address records{};
  Address table{};
  std::uint64_t count = 0;  // 0: there is no table that can be searched
};

template <Memory M>
std::optional<Header> read_header(const M& memory, const EhFrame& section) {
  constexpr std::size_t kLongest = 4 + 10 + 10;
  if (!section.bounds.contains(section.header)) return std::nullopt;
  const std::uint64_t room = section.bounds.end - section.header;
  const std::size_t size = room < kLongest ? static_cast<std::size_t>(room) : kLongest;
  const std::byte* bytes = memory.view(section.header, size);
  if (bytes == nullptr) return std::nullopt;
  ByteReader reader{bytes, size};
  const auto here = [&] { return raw(section.header) + (size - reader.remaining()); };
  const auto version = reader.read<std::uint8_t>();
  const auto records_encoding = reader.read<std::uint8_t>();
  const auto count_encoding = reader.read<std::uint8_t>();
  const auto table_encoding = reader.read<std::uint8_t>();
  if (version != 1 || records_encoding == kEhOmitted) return std::nullopt;
  const auto records = read_eh_pointer(reader, records_encoding, here(), raw(section.header));
  if (!records) return std::nullopt;
  Header header{.records = Address{*records}};
  if (count_encoding == kEhOmitted || table_encoding != kEhDataRelative4) return header;
  const auto count = read_eh_pointer(reader, count_encoding, here(), raw(section.header));
  if (!count || *count > (section.bounds.end - Address{here()}) / 8) return header;
  header.table = Address{here()};
  header.count = *count;
  return header;
}

// The record at `at`, with `at` moved behind it. Absent at the terminator and where it does not fit.
template <Memory M>
[[ALLOCS_EVERY_PROCESS]] std::optional<FrameRecord> read_record(const M& memory,
                                                                const AddressRange& bounds,
                                                                Address& at) {
  if (!bounds.contains(at) || bounds.end - at < 4) return std::nullopt;
  const auto short_length = load<std::uint32_t>(memory, at);
  if (!short_length || *short_length == 0) return std::nullopt;
  std::uint64_t length = *short_length;
  Address body = at + 4;
  if (*short_length == 0xFFFFFFFF) {
    if (bounds.end - at < 12) return std::nullopt;
    const auto long_length = load<std::uint64_t>(memory, body);
    if (!long_length) return std::nullopt;
    length = *long_length;
    body = body + 8;
  }
  if (length < 4 || length > bounds.end - body) return std::nullopt;
  const std::byte* bytes = memory.view(body, static_cast<std::size_t>(length));
  if (bytes == nullptr) return std::nullopt;
  at = body + length;
  return FrameRecord{bytes, static_cast<std::size_t>(length), body};
}

inline std::uint32_t id_of(
    const FrameRecord& record) {  // 0: a CIE; else the distance back to the CIE
  return ByteReader{record.bytes, record.size}.read<std::uint32_t>();
}

template <Memory M>
[[ALLOCS_EVERY_PROCESS]] std::optional<FrameRecord> common_entry_of(const M& memory,
                                                                    const EhFrame& section,
                                                                    const FrameRecord& function) {
  Address at = function.at - id_of(function);
  const auto common = read_record(memory, section.bounds, at);
  if (!common || id_of(*common) != 0) return std::nullopt;
  return common;
}

template <Memory M>
std::optional<FrameRecords> search_table(const M& memory, const EhFrame& section,
                                         const Header& header, Address pc) {
  const auto key = static_cast<std::int64_t>(raw(pc) - raw(section.header));
  const auto entry = [&](std::uint64_t index, unsigned half) {
    return load<std::int32_t>(memory, header.table + index * 8 + half * 4);
  };
  std::uint64_t low = 0;
  for (std::uint64_t length = header.count; length > 1;) {
    const std::uint64_t middle = length / 2;
    const auto start = entry(low + middle, 0);
    if (!start) return std::nullopt;
    if (*start <= key) low += middle;
    length -= middle;
  }
  const auto start = entry(low, 0);
  const auto record = entry(low, 1);
  if (!start || !record || *start > key) return std::nullopt;
  Address at{raw(section.header) + static_cast<std::uint64_t>(std::int64_t{*record})};
  const auto function = read_record(memory, section.bounds, at);
  if (!function || id_of(*function) == 0) return std::nullopt;
  const auto common = common_entry_of(memory, section, *function);
  if (!common) return std::nullopt;
  return FrameRecords{*common, *function};
}

template <Memory M>
std::optional<FrameRecords> search_records(const M& memory, const EhFrame& section, Address records,
                                           Address pc) {
  Address at = records;
  while (const auto record = read_record(memory, section.bounds, at)) {
    if (id_of(*record) == 0) continue;
    const auto common = common_entry_of(memory, section, *record);
    if (!common) continue;
    const auto head = read_common_entry(*common);
    const auto range = head ? read_function_range(*head, *record) : std::nullopt;
    if (range && range->contains(pc)) return FrameRecords{*common, *record};
  }
  return std::nullopt;
}

}  // namespace eh_frame

// The records that cover `pc`, or, from the table, the nearest ones before it: unwind_rule_of() checks the range.
template <Memory M>
std::optional<FrameRecords> find_frame_records(const M& memory, const EhFrame& section,
                                               Address pc) {
  Address records = section.records;
  if (raw(section.header) != 0) {
    if (const auto header = eh_frame::read_header(memory, section)) {
      if (header->count != 0) return eh_frame::search_table(memory, section, *header, pc);
      records = header->records;
    }
  }
  if (raw(records) == 0) return std::nullopt;
  return eh_frame::search_records(memory, section, records, pc);
}

// The rule for `pc`; absent means "cannot tell". Its expressions live as long as the memory.
// Context: signal, if the memory's view() is.
template <Memory M>
std::optional<UnwindRule> find_unwind_rule(const M& memory, const EhFrame& section, Address pc) {
  const auto records = find_frame_records(memory, section, pc);
  if (!records) return std::nullopt;
  return unwind_rule_of(records->common, records->function, pc);
}

}  // namespace allocs::elf
