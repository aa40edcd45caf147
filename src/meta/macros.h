// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "meta/diagnostics.h"
#include "meta/object_file.h"

// The C macros of an object that was compiled with -g3 (clang: with -fdebug-macro as well). There are ten thousand and more in a unit, most of
// them the system's, and few are ever asked for; so no image holds them, and they are read from the debug information when asked for.
namespace allocs::meta {

struct MacroPlace {
  std::string file;  // with the unit's directory before it if it is relative; empty: see below
  std::uint64_t line = 0;
  bool is_in_source() const { return !file.empty(); }  // else in the compiler or its command line
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 in what the compiler makes of it.
  friend auto operator<=>(const MacroPlace&, const MacroPlace&) = default;
};

// A definition, told once for all units that have it at that place, with that value, until that end.
struct MacroDefinition {
  std::string name;
  std::string parameters;  // "(a,b)" as the compiler writes it; empty of a macro without
  std::string value;       // what it is replaced by: text in which other macros are not replaced
  MacroPlace defined;
  std::optional<MacroPlace> ended;  // by #undef, or by the next definition; else at the unit's end
  std::vector<std::string> units;   // DW_AT_name, in order, each once
};

struct Macros {
  std::vector<MacroDefinition> definitions;  // by name, then place
  bool is_told = false;                      // some unit tells of its macros
};

// Those called `name`, or all if it is empty. Reads .debug_macro of DWARF 5 and of GNU's extension to DWARF 4, and .debug_macinfo; not what
// -gsplit-dwarf put elsewhere, of which a warning says so. Damage ends a unit early, with a warning.
Macros read_macros(const ObjectFiles& files, std::string_view name, Diagnostics& diag);

}  // namespace allocs::meta
