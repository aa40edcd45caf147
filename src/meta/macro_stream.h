// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "meta/die_stream.h"

namespace allocs::meta {

enum class MacroSort : std::uint8_t {
  define,
  undefine,
  start_file,
  end_file,
  import,           // what is at `number` in the same .debug_macro
  import_alternate  // ... in that of the dwz alternate
};

// One entry of a list of macros.
struct MacroEntry {
  MacroSort sort = MacroSort::define;
  std::uint64_t line = 0;
  std::uint64_t number = 0;  // a file of the line table; where an imported list begins
  std::string_view text;     // "NAME VALUE", "NAME(a,b) VALUE", "NAME"
};

// One list of macros, as it lies in .debug_macro or .debug_macinfo.
struct MacroList {
  std::vector<MacroEntry> entries;
  std::optional<std::uint64_t> line_offset;  // of the line table whose files it names
  bool is_of_one_unit = false;  // its texts are found through the unit that it was read for
  bool is_whole = false;        // else it is damaged, or of a version that is not known
};

// The list at `offset` of unit.sections->macro, for `unit`. Definitions of others than `name` are left out, unless that is empty.
MacroList read_macro_list(const Unit& unit, std::uint64_t offset, std::string_view name);
// The same of .debug_macinfo.
MacroList read_macinfo_list(const Unit& unit, std::uint64_t offset, std::string_view name);

// What "NAME VALUE" is cut into.
struct MacroText {
  std::string_view name;
  std::string_view parameters;  // with their parentheses
  std::string_view value;
};
MacroText split_macro_text(std::string_view text);

}  // namespace allocs::meta
