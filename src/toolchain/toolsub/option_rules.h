// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace allocs::toolsub {

// How an option takes its value.
enum class Form {
  flag,                // -c
  joined,              // -std=c11: whatever begins with the name
  separate,            // -Xlinker VALUE: two words
  joined_or_separate,  // -I DIR and -IDIR
  separate_or_equals,  // --sysroot DIR and --sysroot=DIR
};

// Which part of a driver's work an option is about.
enum class Purpose {
  other,        // each phase may want it
  information,  // the driver prints something and does nothing else
  stop,         // says after which phase to end: -E -S -c ...
  output,       // -o
  language,     // -x
  preprocess,   // search paths, macros, forced includes
  dependency,   // -M...: rules for make
  link,         // of no use to a compiler
};

struct OptionRule {
  std::string_view name;
  Form form;
  Purpose purpose = Purpose::other;
};

// The rule for an option of gcc or clang, by its word; nullptr for one of which only this is known: that it is one word.
// The longest name that fits wins. `word` begins with '-' and is longer than that.
const OptionRule* rule_for(std::string_view word);

}  // namespace allocs::toolsub
