// SPDX-License-Identifier: Apache-2.0
#include "meta/line_header.h"

#include <cstring>
#include <string>

#include "base/byte_reader.h"

namespace allocs::meta {

namespace {

constexpr std::uint64_t kMostEntries = 1'000'000;

std::string_view text_at(std::span<const std::byte> section, std::uint64_t offset) {
  if (offset >= section.size()) return {};
  const auto* text = reinterpret_cast<const char*>(section.data() + offset);
  return {text, strnlen(text, section.size() - offset)};
}

std::string_view read_text(ByteReader& reader) {
  const char* text = reader.read_text();
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

// The tables of DWARF 5 say themselves what each entry consists of.
bool read_entries(ByteReader& reader, const DebugSections& sections, std::uint8_t offset_size,
                  std::vector<LineHeader::File>& entries) {
  struct Column {
    std::uint64_t content;
    std::uint64_t form;
  };
  std::vector<Column> columns(reader.read<std::uint8_t>());
  for (Column& column : columns) column = {reader.read_uleb(), reader.read_uleb()};
  const std::uint64_t count = reader.read_uleb();
  if (!reader.ok() || count > kMostEntries) return false;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    LineHeader::File entry;
    for (const Column& column : columns) {
      std::string_view text;
      std::uint64_t number = 0;
      const auto offset = [&] {
        return offset_size == 8 ? reader.read<std::uint64_t>() : reader.read<std::uint32_t>();
      };
      switch (column.form) {
        case DW_FORM_string:
          text = read_text(reader);
          break;
        case DW_FORM_line_strp:
          text = text_at(sections.line_str, offset());
          break;
        case DW_FORM_strp:
          text = text_at(sections.str, offset());
          break;
        case DW_FORM_udata:
          number = reader.read_uleb();
          break;
        case DW_FORM_data1:
          number = reader.read<std::uint8_t>();
          break;
        case DW_FORM_data2:
          number = reader.read<std::uint16_t>();
          break;
        case DW_FORM_data4:
          number = reader.read<std::uint32_t>();
          break;
        case DW_FORM_data8:
          number = reader.read<std::uint64_t>();
          break;
        case DW_FORM_data16:
          reader.skip(16);
          break;
        case DW_FORM_block:
          reader.skip(reader.read_uleb());
          break;
        default:
          return false;
      }
      if (column.content == DW_LNCT_path) entry.name = text;
      if (column.content == DW_LNCT_directory_index) entry.directory = number;
    }
    entries.push_back(entry);
  }
  return reader.ok();
}

}  // namespace

types::StringRef LineHeader::file(std::uint64_t number, types::StringPool& strings) const {
  if (number >= files.size()) return 0;
  const File& file = files[number];
  if (file.directory == 0 || file.directory >= directories.size() || file.name.starts_with('/')) {
    return strings.add(file.name);
  }
  return strings.add(std::string{directories[file.directory]}.append("/").append(file.name));
}

std::optional<LineHeader> read_line_header(const DebugSections& sections, std::uint64_t offset) {
  if (offset >= sections.line.size()) return std::nullopt;
  ByteReader reader{sections.line.data() + offset, sections.line.size() - offset};
  const auto position = [&] { return sections.line.size() - reader.remaining(); };
  LineHeader header;
  std::uint8_t offset_size = 4;
  std::uint64_t length = reader.read<std::uint32_t>();
  if (length == 0xFFFFFFFFu) {
    length = reader.read<std::uint64_t>();
    offset_size = 8;
  }
  if (!reader.ok() || length > reader.remaining()) return std::nullopt;
  header.end = position() + length;
  header.version = reader.read<std::uint16_t>();
  if (header.version < 2 || header.version > 5) return std::nullopt;
  if (header.version == 5) reader.skip(2);  // sizes of addresses and selectors
  const std::uint64_t header_length =
      offset_size == 8 ? reader.read<std::uint64_t>() : reader.read<std::uint32_t>();
  if (!reader.ok() || header_length > header.end - position()) return std::nullopt;
  header.program = position() + header_length;
  header.minimum_length = reader.read<std::uint8_t>();
  if (header.version >= 4) reader.skip(1);  // operations per instruction: 1 but on VLIW machines
  reader.skip(1);
  header.line_base = reader.read<std::int8_t>();
  header.line_range = reader.read<std::uint8_t>();
  header.opcode_base = reader.read<std::uint8_t>();
  if (header.line_range == 0 || header.opcode_base == 0) return std::nullopt;
  for (unsigned i = 1; i < header.opcode_base; ++i)
    header.operand_counts.push_back(reader.read<std::uint8_t>());
  if (header.version == 5) {
    std::vector<LineHeader::File> directories;
    if (!read_entries(reader, sections, offset_size, directories)) return std::nullopt;
    for (const auto& entry : directories) header.directories.push_back(entry.name);
    if (!read_entries(reader, sections, offset_size, header.files)) return std::nullopt;
    return header;
  }
  header.directories.emplace_back();  // 0 is the unit's own
  for (;;) {
    const std::string_view name = read_text(reader);
    if (name.empty()) break;
    header.directories.push_back(name);
  }
  header.files.emplace_back();  // numbers begin at 1
  for (;;) {
    LineHeader::File file;
    file.name = read_text(reader);
    if (file.name.empty()) break;
    file.directory = reader.read_uleb();
    reader.read_uleb();
    reader.read_uleb();
    header.files.push_back(file);
  }
  if (!reader.ok()) return std::nullopt;
  return header;
}

types::StringRef UnitFiles::operator[](std::uint64_t number) {
  if (!is_read_) {
    is_read_ = true;
    if (unit_.line_offset) header_ = read_line_header(*unit_.sections, *unit_.line_offset);
    if (header_) names_.assign(header_->files.size(), types::kNoRecord);
  }
  if (number >= names_.size()) return 0;
  if (names_[number] == types::kNoRecord) names_[number] = header_->file(number, strings_);
  return names_[number];
}

}  // namespace allocs::meta
