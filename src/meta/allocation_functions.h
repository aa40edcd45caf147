// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "declarations/declarations.h"
#include "meta/object_file.h"
#include "types/write/object_model.h"

namespace allocs::meta {

inline constexpr int kNoArgument = -1;

enum class AllocationKind : std::uint8_t {
  plain,      // the bytes are the caller's to use as it likes
  typed,      // what lies in them is known: see AllocationFunction::declared
  new_one,    // operator new
  new_array,  // operator new[]
};

// How to call an allocation function. Arguments are counted from 0 in the registers that hold integer arguments.
struct AllocationFunction {
  std::string_view name;
  AllocationKind kind = AllocationKind::plain;
  int size = kNoArgument;   // bytes, or bytes of one element if there is a count
  int count = kNoArgument;  // elements
  int stored =
      kNoArgument;        // the address at which the block's address is stored; else it is returned
  std::int64_t unit = 1;  // a wrapper's own: the size is counted in units of so many bytes
  bool may_be_counted = false;  // the size may be multiplied by something else
  const declarations::Declaration* declared = nullptr;
};

// The functions that are declared to allocate, as one object sees them: by their names where it calls them, by their code where
// it defines them.
class DeclaredFunctions {
 public:
  // `table` outlives this.
  DeclaredFunctions(const declarations::Declarations& table, const ElfFile& object);

  // nullptr if `name` is none of them. Such a function lies in another object.
  const AllocationFunction* find(std::string_view name) const;
  // The same of a function that this object defines: of a library's functions only if it is that library.
  const AllocationFunction* find_own(std::string_view name) const;
  // In the order in which they are declared.
  const std::vector<const AllocationFunction*>& all() const { return in_order_; }

  std::string_view soname() const { return soname_; }  // of the object; empty if it has none

  // Learns where the code of those that the object defines is. Needs the model's statics.
  void find_code(const types::ObjectModel& model);
  // That whose own code holds `pc`, where this tells something of the calls in there; else nullptr.
  const AllocationFunction* around(std::uint64_t pc) const;

 private:
  bool is_of_object(const declarations::Declaration& declaration) const;

  struct Code {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    const AllocationFunction* function = nullptr;
  };
  std::unordered_map<std::string_view, AllocationFunction> by_name_;
  std::size_t longest_name_ = 0;
  std::vector<const AllocationFunction*> in_order_;
  std::vector<Code> code_;  // by address
  std::string_view file_name_;
  std::string_view soname_;
};

// The type of that content in the model, added if it can be made of nothing. kNoType if nobody describes it, or if it is not
// described whole.
types::TypeIndex type_of_content(const declarations::Content& content, types::ObjectModel& model);
types::Shape shape_of_content(const declarations::Content& content);

}  // namespace allocs::meta
