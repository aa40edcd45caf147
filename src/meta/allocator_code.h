// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "meta/dwarf_facts.h"
#include "types/write/object_model.h"

// Which memory std::allocator<T> asks for: room for T's, whatever container it serves ([allocator.members] in the C++ standard).
//
//     vector<edge *>::push_back      |------------------------------|
//     _M_realloc_insert inlined         |-----------------------|
//     allocator<edge *>::allocate             |----------|
//                                              call _Znwm            edge *[]
//
// The debug information says where the code of `allocate` is, be it inlined or not, and what it returns: a `T *`.
//
// gcc makes equal functions of a unit one before it inlines them: then the `allocate` may be that of another T of the same size. So what
// it says counts only if something else says the same (a pointer that receives the block; the function that the code is of, if it is a
// member of a container with that allocator), or no other T of the unit with an `allocate` is as large.
namespace allocs::meta {

// Whether `function` is a member of a class template of which std::allocator<argument> is an argument: "std::vector<T, std::allocator<T> >::push_back".
// In arguments of arguments it may serve another element of the same size.
bool has_allocator_of(std::string_view argument, std::string_view function);

class AllocatorCode {
 public:
  // `index_of` says which type of the model each of facts.types became.
  AllocatorCode(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                const types::ObjectModel& model);

  struct Element {
    types::TypeIndex type = types::kNoType;
    bool is_sure = false;  // no other T is possible
  };
  // T of the innermost `allocate` that the instruction is of. No type: it is of none, or of several (code that the linker has made one).
  Element element_at(std::uint64_t pc) const;

 private:
  struct Stretch {
    PcRange range;
    Element element;
    std::uint64_t furthest = 0;  // where this and all before it have ended
  };
  std::vector<Stretch> stretches_;  // outer ones first
};

// Gives the sites in such code that type, if it is sure, or another witness for theirs. May add types.
void apply_allocator_code(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                          types::ObjectModel& model);

}  // namespace allocs::meta
