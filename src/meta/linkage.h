// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "meta/object_file.h"

namespace allocs::meta {

// A function as a call names it: the symbol, the link address if the object defines it, or both.
struct Callee {
  std::string_view name;        // empty if no symbol says it
  std::uint64_t address = 0;    // 0 if it lies in another object
  bool may_be_another = false;  // it is what a variable holds at first
  bool known() const { return address != 0 || !name.empty(); }
};

// A word of data that holds the link address of something in this object.
struct DataPointer {
  std::uint64_t at = 0;
  std::uint64_t target = 0;
};

// What the symbols and relocations of an object say about where its calls and pointers lead: stubs of the procedure linkage
// table, slots of the global offset table, symbols. Reads `files` when constructed and keeps views of its texts.
class Linkage {
 public:
  explicit Linkage(const ObjectFiles& files);

  // The function that a direct call or jump to `target` reaches, stubs looked through.
  Callee callee_at(std::uint64_t target) const;
  // The function whose address the loader puts in the word at `slot`; unknown if it is not such a word. The program may put another there
  // if the word is a variable.
  Callee callee_in_slot(std::uint64_t slot) const;
  // Likewise for any object of this file, if the word is one that nobody writes after the loader.
  std::optional<std::uint64_t> address_in_table(std::uint64_t slot) const;
  // All names of the function at `address`.
  std::vector<std::string_view> names_at(std::uint64_t address) const;
  // Do symbols of several C++ functions lie there? Then a linker has made them one (--icf), and debug information is of one of them. In C a second name
  // is a second name.
  bool are_several_functions(std::uint64_t address) const;
  std::optional<std::uint64_t> address_of(std::string_view name) const;

  // Function symbols' addresses, sorted, without repetition.
  const std::vector<std::uint64_t>& function_starts() const { return function_starts_; }
  // By place, without repetition. Where the file is not relocated, any aligned word of data whose value fits is taken.
  const std::vector<DataPointer>& data_pointers() const { return data_pointers_; }

 private:
  struct Slot {
    std::string_view name;
    std::uint64_t address = 0;
  };
  void read_symbols(const ObjectFiles& files);
  void read_relocations(const ElfFile& object);
  void read_packed_relocations(const ElfFile& object, const Section& section);
  void read_stubs(const ElfFile& object);
  void read_plain_words(const ElfFile& object);
  void add_pointer(std::uint64_t at, std::uint64_t target);

  std::unordered_multimap<std::uint64_t, std::string_view> names_;
  std::unordered_map<std::string_view, std::uint64_t> addresses_;
  std::unordered_map<std::uint64_t, Slot> slots_;
  std::unordered_map<std::uint64_t, std::uint64_t> stubs_;  // stub -> slot
  struct Range {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  std::vector<Range> tables_;     // sections of global offset tables
  std::vector<Range> variables_;  // sections that the program may write after it was loaded
  std::vector<std::uint64_t> function_starts_;
  std::vector<DataPointer> data_pointers_;
};

}  // namespace allocs::meta
