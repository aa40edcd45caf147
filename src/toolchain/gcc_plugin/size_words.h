// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/gcc_plugin/gcc.h"

namespace allocs::gcc_plugin {

// Whether sizes of types are named in functions: what gcc has made numbers of long before a plugin sees it, so the source is asked.
//
//     use(get(3));                            no
//     use(get(sizeof(struct part)));          yes, also if a macro says it
//     use(get(PART_SIZE));                    yes, if that enumerator or variable was initialised by one
//     use(get(bytes_of(part)));               yes, if that function of the unit names one, and returns a number
//
// Every doubt is a yes: a body out of a macro, or that #include or #line lead elsewhere. C only.
class SizeWords {
 public:
  // To be told while gcc parses: enumerations and variables at file scope.
  void saw_type(tree type);
  void saw_variable(tree variable);
  // Macros are asked when functions are; what is undefined before is remembered.
  void begin();

  // When gcc has parsed the unit.
  bool are_in(tree function);

 private:
  class Scan;
  struct File {
    std::string content;
    std::vector<std::size_t> lines;  // where they begin
  };
  // Nothing of gcc's own is kept, which it may throw away meanwhile.
  struct Enumeration {
    location_t at;
    std::vector<std::string> names;
  };
  struct Variable {
    location_t at;
    std::string name;
  };
  struct Function {
    location_t begin, end;  // of the body: its braces
    bool returns_number;
  };

  bool text_has(std::string_view text);
  bool name_has(std::string_view name);
  bool macro_has(cpp_hashnode* node);
  bool some_name_has(std::string_view prefix, std::string_view suffix);
  bool body_has(const Function& function);
  void forget_what_is_not();
  const File& file_at(const char* path);
  std::string_view text_from(location_t at);
  void read_declarations();
  void undefine(cpp_hashnode* node);
  static void undefined(cpp_reader* reader, location_t at, cpp_hashnode* node);

  std::vector<Enumeration> enumerations_;
  std::vector<Variable> variables_;
  std::unordered_set<location_t> seen_;
  // What identifiers macros of the past had in them.
  std::unordered_map<std::string, std::vector<std::string>> undefined_;
  std::unordered_set<std::string> sized_names_;
  std::unordered_map<std::string, Function> functions_;
  std::unordered_map<location_t, bool> known_bodies_;
  std::unordered_map<cpp_hashnode*, bool> known_macros_;
  std::unordered_map<std::string, File> files_;
  bool has_read_declarations_ = false;
};

}  // namespace allocs::gcc_plugin
