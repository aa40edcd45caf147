// SPDX-License-Identifier: Apache-2.0
#include "meta/macro_stream.h"

#include <array>
#include <cstring>

#include "base/byte_reader.h"

namespace allocs::meta {

namespace {

enum HeaderFlag : std::uint8_t { kWideOffsets = 1, kHasLineOffset = 2, kHasOperandTable = 4 };

std::string_view text_in(std::span<const std::byte> section, std::uint64_t offset) {
  if (offset >= section.size()) return {};
  const auto* text = reinterpret_cast<const char*>(section.data() + offset);
  return {text, strnlen(text, section.size() - offset)};
}

class ListReader {
 public:
  ListReader(const Unit& unit, std::span<const std::byte> section, std::uint64_t offset,
             std::string_view name)
      : unit_(unit), name_(name) {
    if (offset < section.size()) reader_ = {section.data() + offset, section.size() - offset};
  }

  MacroList read_macro() {
    if (!read_header()) return std::move(list_);
    for (;;) {
      const auto code = reader_.read<std::uint8_t>();
      if (!reader_.ok()) break;
      if (code == 0) {
        list_.is_whole = true;
        break;
      }
      if (!read_entry(code) && !skip_entry(code)) break;
    }
    return std::move(list_);
  }

  MacroList read_macinfo() {
    list_.line_offset = unit_.line_offset;
    for (;;) {
      const auto code = reader_.read<std::uint8_t>();
      if (!reader_.ok()) break;
      if (code == 0) {
        list_.is_whole = true;
        break;
      }
      if (code == DW_MACINFO_vendor_ext) {
        reader_.read_uleb();
        reader_.read_text();
      } else if (code > DW_MACINFO_end_file || !read_entry(code)) {
        break;
      }
    }
    return std::move(list_);
  }

 private:
  bool read_header() {
    const auto version = reader_.read<std::uint16_t>();  // 4: GNU's extension
    const auto flags = reader_.read<std::uint8_t>();
    if (!reader_.ok() || version < 4 || version > 5) return false;
    is_wide_ = (flags & kWideOffsets) != 0;
    if ((flags & kHasLineOffset) != 0) list_.line_offset = offset();
    if ((flags & kHasOperandTable) != 0) {
      const auto count = reader_.read<std::uint8_t>();
      for (unsigned i = 0; i < count; ++i) {
        std::vector<std::uint8_t>& forms = operands_[reader_.read<std::uint8_t>()];
        forms.resize(std::min<std::uint64_t>(reader_.read_uleb(), reader_.remaining()));
        for (std::uint8_t& form : forms) form = reader_.read<std::uint8_t>();
      }
    }
    return reader_.ok();
  }

  std::uint64_t offset() {
    return is_wide_ ? reader_.read<std::uint64_t>() : reader_.read<std::uint32_t>();
  }

  // The first four codes are those of .debug_macinfo, too. False if the code is none of the standard's.
  bool read_entry(std::uint8_t code) {
    switch (code) {
      case DW_MACRO_define:
      case DW_MACRO_undef: {
        const std::uint64_t line = reader_.read_uleb();
        const char* text = reader_.read_text();
        add_text(code == DW_MACRO_define, line, text == nullptr ? "" : text);
        return reader_.ok();
      }
      case DW_MACRO_start_file: {
        const std::uint64_t line = reader_.read_uleb();
        list_.entries.push_back({MacroSort::start_file, line, reader_.read_uleb(), {}});
        return reader_.ok();
      }
      case DW_MACRO_end_file:
        list_.entries.push_back({MacroSort::end_file, 0, 0, {}});
        return true;
      case DW_MACRO_define_strp:
      case DW_MACRO_undef_strp: {
        const std::uint64_t line = reader_.read_uleb();
        add_text(code == DW_MACRO_define_strp, line, text_in(unit_.sections->str, offset()));
        return reader_.ok();
      }
      case DW_MACRO_define_sup:
      case DW_MACRO_undef_sup: {
        const std::uint64_t line = reader_.read_uleb();
        const std::uint64_t at = offset();
        const std::string_view text =
            unit_.alternate == nullptr ? std::string_view{} : text_in(unit_.alternate->str, at);
        add_text(code == DW_MACRO_define_sup, line, text);
        return reader_.ok();
      }
      case DW_MACRO_define_strx:
      case DW_MACRO_undef_strx: {
        const std::uint64_t line = reader_.read_uleb();
        const AttributeValue index{reader_.read_uleb(), nullptr, ValueClass::text_index};
        list_.is_of_one_unit = true;
        add_text(code == DW_MACRO_define_strx, line, unit_.text(index));
        return reader_.ok();
      }
      case DW_MACRO_import:
      case DW_MACRO_import_sup:
        list_.entries.push_back(
            {code == DW_MACRO_import ? MacroSort::import : MacroSort::import_alternate,
             0,
             offset(),
             {}});
        return reader_.ok();
      default:
        return false;
    }
  }

  void add_text(bool is_definition, std::uint64_t line, std::string_view text) {
    if (text.empty() || (!name_.empty() && split_macro_text(text).name != name_)) return;
    list_.entries.push_back(
        {is_definition ? MacroSort::define : MacroSort::undefine, line, 0, text});
  }

  // A code of a vendor, whose operands the header tells.
  bool skip_entry(std::uint8_t code) {
    if (code < DW_MACRO_lo_user || !reader_.ok()) return false;
    for (const std::uint8_t form : operands_[code]) {
      switch (form) {
        case DW_FORM_data1:
        case DW_FORM_flag:
        case DW_FORM_strx1:
          reader_.skip(1);
          break;
        case DW_FORM_data2:
        case DW_FORM_strx2:
          reader_.skip(2);
          break;
        case DW_FORM_strx3:
          reader_.skip(3);
          break;
        case DW_FORM_data4:
        case DW_FORM_strx4:
          reader_.skip(4);
          break;
        case DW_FORM_data8:
          reader_.skip(8);
          break;
        case DW_FORM_data16:
          reader_.skip(16);
          break;
        case DW_FORM_udata:
        case DW_FORM_sdata:
        case DW_FORM_strx:
          reader_.read_uleb();
          break;
        case DW_FORM_sec_offset:
        case DW_FORM_strp:
        case DW_FORM_line_strp:
        case DW_FORM_strp_sup:
          offset();
          break;
        case DW_FORM_string:
          reader_.read_text();
          break;
        case DW_FORM_block:
          reader_.skip(reader_.read_uleb());
          break;
        case DW_FORM_block1:
          reader_.skip(reader_.read<std::uint8_t>());
          break;
        case DW_FORM_block2:
          reader_.skip(reader_.read<std::uint16_t>());
          break;
        case DW_FORM_block4:
          reader_.skip(reader_.read<std::uint32_t>());
          break;
        default:
          return false;
      }
    }
    return reader_.ok();
  }

  const Unit& unit_;
  std::string_view name_;
  ByteReader reader_;
  bool is_wide_ = false;
  std::array<std::vector<std::uint8_t>, 256> operands_;
  MacroList list_;
};

}  // namespace

MacroText split_macro_text(std::string_view text) {
  const std::size_t end = text.find_first_of(" (");
  if (end == text.npos) return {.name = text, .parameters = {}, .value = {}};
  MacroText parts{.name = text.substr(0, end), .parameters = {}, .value = text.substr(end)};
  if (text[end] == '(') {
    const std::size_t close = text.find(')', end);
    const std::size_t length = close == text.npos ? text.npos : close + 1 - end;
    parts.parameters = text.substr(end, length);
    parts.value = close == text.npos ? std::string_view{} : text.substr(close + 1);
  }
  if (parts.value.starts_with(' ')) parts.value.remove_prefix(1);
  return parts;
}

MacroList read_macro_list(const Unit& unit, std::uint64_t offset, std::string_view name) {
  return ListReader{unit, unit.sections->macro, offset, name}.read_macro();
}

MacroList read_macinfo_list(const Unit& unit, std::uint64_t offset, std::string_view name) {
  return ListReader{unit, unit.sections->macinfo, offset, name}.read_macinfo();
}

}  // namespace allocs::meta
