// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_reader.h"
#include "base/every_process.h"

namespace allocs::elf {

// DW_EH_PE_*: how a pointer is written in .eh_frame and .eh_frame_hdr (LSB core, "DWARF Exception Header Encoding").
inline constexpr std::uint8_t kEhOmitted = 0xFF;
inline constexpr std::uint8_t kEhIndirect = 0x80;
inline constexpr std::uint8_t kEhFormatMask = 0x0F;
inline constexpr std::uint8_t kEhRelationMask = 0x70;
inline constexpr std::uint8_t kEhPcRelative = 0x10;
inline constexpr std::uint8_t kEhDataRelative = 0x30;
inline constexpr std::uint8_t kEhDataRelative4 =
    0x3B;  // the search table as every linker writes it

// Reads the number in one of the formats; absent for formats that do not exist.
[[ALLOCS_EVERY_PROCESS]] inline std::optional<std::uint64_t> read_eh_number(ByteReader& reader,
                                                                            std::uint8_t encoding) {
  std::uint64_t value;
  switch (encoding & kEhFormatMask) {
    case 0x0:
    case 0x4:
    case 0xC:
      value = reader.read<std::uint64_t>();
      break;
    case 0x1:
      value = reader.read_uleb();
      break;
    case 0x2:
      value = reader.read<std::uint16_t>();
      break;
    case 0x3:
      value = reader.read<std::uint32_t>();
      break;
    case 0x9:
      value = static_cast<std::uint64_t>(reader.read_sleb());
      break;
    case 0xA:
      value = static_cast<std::uint64_t>(std::int64_t{reader.read<std::int16_t>()});
      break;
    case 0xB:
      value = static_cast<std::uint64_t>(std::int64_t{reader.read<std::int32_t>()});
      break;
    default:
      return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return value;
}

// Reads a pointer whose first byte has address `here`; `data` is the base of data-relative ones. Indirect pointers,
// which only personality routines use, and text- or function-relative ones are absent.
inline std::optional<std::uint64_t> read_eh_pointer(ByteReader& reader, std::uint8_t encoding,
                                                    std::uint64_t here, std::uint64_t data) {
  if ((encoding & kEhIndirect) != 0) return std::nullopt;
  const auto number = read_eh_number(reader, encoding);
  if (!number) return std::nullopt;
  switch (encoding & kEhRelationMask) {
    case 0:
      return number;
    case kEhPcRelative:
      return *number + here;
    case kEhDataRelative:
      return *number + data;
    default:
      return std::nullopt;
  }
}

}  // namespace allocs::elf
