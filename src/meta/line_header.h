// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "meta/die_stream.h"
#include "types/write/string_pool.h"

namespace allocs::meta {

// The head of one line program: its file table, and what its instructions need.
struct LineHeader {
  std::uint64_t end = 0;      // of the program, in .debug_line
  std::uint64_t program = 0;  // where the instructions begin
  std::uint16_t version = 0;
  std::uint8_t minimum_length = 1;
  std::int8_t line_base = 0;
  std::uint8_t line_range = 1;
  std::uint8_t opcode_base = 1;
  std::vector<std::uint8_t> operand_counts;
  std::vector<std::string_view> directories;
  struct File {
    std::string_view name;
    std::uint64_t directory = 0;
  };
  std::vector<File> files;  // at the number that DW_AT_decl_file and the program use

  // "directory/name", or the name alone for files of the unit's own directory.
  types::StringRef file(std::uint64_t number, types::StringPool& strings) const;
};

std::optional<LineHeader> read_line_header(const DebugSections& sections, std::uint64_t offset);

// The files of one unit, looked up lazily.
class UnitFiles {
 public:
  UnitFiles(const Unit& unit, types::StringPool& strings) : unit_(unit), strings_(strings) {}
  types::StringRef operator[](std::uint64_t number);

 private:
  const Unit& unit_;
  types::StringPool& strings_;
  bool is_read_ = false;
  std::optional<LineHeader> header_;
  std::vector<types::StringRef> names_;
};

}  // namespace allocs::meta
