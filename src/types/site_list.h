// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "types/site_id.h"

// The allocating calls of one translation unit as text: what the compiler plugin writes when another compiler makes the code, and
// what the metadata compiler then finds in the section `.allocs.sites`, a chunk for each unit. docs/formats/site_list.md tells
// the format in words; this is the one copy of its vocabulary.
//
// A chunk is lines; a line is fields with a tab between them and a newline behind the last:
//
//     allocs-sites  1  UNIT  DIRECTORY
//     site  FUNCTION  FILE  LINE  COLUMN  CALLEE  KIND  TYPE  SIZE  FILE  LINE  TYPE  SIZE  FILE  LINE  BYTES  OTHERS
//     end  NUMBER-OF-SITES
namespace allocs::types {

inline constexpr std::string_view kSiteListSection = ".allocs.sites";
inline constexpr std::string_view kSiteListMagic = "allocs-sites";  // first field of the first line
inline constexpr std::string_view kSiteListVersion = "1";
inline constexpr std::string_view kSiteListSite = "site";
inline constexpr std::string_view kSiteListEnd = "end";

// The fields of a line that begins with kSiteListMagic.
enum class SiteListHeaderField : std::uint8_t { magic, version, unit, directory, count_ };

// The fields of a line that begins with kSiteListSite.
enum class SiteListField : std::uint8_t {
  site,
  function,
  file,
  line,
  column,
  callee,
  kind,
  type,
  type_size,
  type_file,
  type_line,
  tail,
  tail_size,
  tail_file,
  tail_line,
  bytes,
  others,
  count_
};

// The fields of one of the types in `others`, which is such fields as a line has them, of one type behind the other.
enum class SiteListTypeField : std::uint8_t { type, size, file, line, count_ };

// A field may hold any bytes: those that would end a field, and '%', are written as '%' and two upper-case hexadecimal digits.
inline void append_site_list_field(std::string& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F && c != '%') {
      line += c;
      continue;
    }
    line += '%';
    line += "0123456789ABCDEF"[byte >> 4];
    line += "0123456789ABCDEF"[byte & 15];
  }
}

// The text that append_site_list_field() was given. A '%' without two digits behind it stands for itself.
inline std::string unescape_site_list_field(std::string_view field) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool is_escape = field[i] == '%' && i + 2 < field.size() && digit(field[i + 1]) >= 0 &&
                           digit(field[i + 2]) >= 0;
    if (!is_escape) {
      text += field[i];
      continue;
    }
    text += static_cast<char>(digit(field[i + 1]) * 16 + digit(field[i + 2]));
    i += 2;
  }
  return text;
}

// Splits a line (without its newline) into at most `N` fields, still escaped. Missing ones are empty, further ones dropped.
template <std::size_t N>
constexpr std::array<std::string_view, N> split_site_list_line(std::string_view line) {
  std::array<std::string_view, N> fields{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t end = line.find('\t');
    fields[i] = line.substr(0, end);
    if (end == line.npos) break;
    line.remove_prefix(end + 1);
  }
  return fields;
}

}  // namespace allocs::types
