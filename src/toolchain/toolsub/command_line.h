// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/toolsub/language.h"
#include "toolchain/toolsub/option_rules.h"

namespace allocs::toolsub {

// One option with its value, or one input.
struct Argument {
  const OptionRule* rule = nullptr;  // of an option that is known
  bool is_input = false;
  bool lacks_value = false;              // the last word of all is an option that needs one more
  Language language = Language::linked;  // of an input: by -x, else by its suffix
  std::vector<std::string> words;        // as given
  std::string value;                     // what follows the name; of an input its path
};

// What a driver does with its whole command line.
enum class Work {
  none,  // prints something (--version, -print-...), or complains that there is no input, or that a value is missing
  preprocess,     // -E
  dependencies,   // -M -MM
  check,          // -fsyntax-only, --analyze and what else leaves no code
  precompile,     // headers alone
  assembly_code,  // -S
  objects,        // -c
  link,           // a program, a shared library, or with -r an object
};

// What is made of one input. `path` is empty when it goes to standard output or nowhere.
struct Product {
  std::size_t argument;  // index of the input
  Language language;
  std::string path;
};

// A gcc or clang command line, understood. Knows nothing of the file system but response files and nothing of the
// compiler but whether it is one for C++.
class CommandLine {
 public:
  // `words` without the compiler's own name.
  CommandLine(std::vector<std::string> words, bool is_cxx_driver);

  const std::vector<std::string>& words() const { return words_; }       // as given
  const std::vector<Argument>& arguments() const { return arguments_; }  // response files expanded
  bool is_cxx_driver() const { return is_cxx_driver_; }

  Work work() const { return work_; }
  bool only_shows_commands() const { return has("-###"); }  // and does none of its work
  // The files that the work results in: of `objects` and `assembly_code` one an input that is compiled or assembled, of
  // `link` one, of whose `argument` nothing can be said. Empty otherwise.
  std::vector<Product> products() const;

  // The word of some argument, or one value of it.
  bool has(std::string_view word) const;
  // The value of the last option with that rule's name; nullptr if there is none.
  const std::string* last_value(std::string_view name) const;
  // Options to the linker, through -Wl, and -Xlinker, one word each.
  std::vector<std::string> linker_words() const;

  // How much debug information the options ask for: 0 none, 1 line tables only, 2 types and variables, 3 macros too.
  // -1: a format other than DWARF was asked for.
  int debug_level() const;

  std::size_t compiled_inputs() const;  // those that code is generated from
  bool has_inputs() const;              // files, and libraries named by -l

 private:
  void parse(const std::vector<std::string>& words);
  Work find_work() const;

  std::vector<std::string> words_;
  std::vector<Argument> arguments_;
  bool is_cxx_driver_;
  Work work_ = Work::none;
};

// Where `words` may be put into `line` so that they come after every option: before the "--" that ends the options if there
// is one, else at the end.
std::vector<std::string> with_words_at_end(const std::vector<std::string>& line,
                                           const std::vector<std::string>& words);

}  // namespace allocs::toolsub
