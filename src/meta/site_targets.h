// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "meta/linkage.h"
#include "meta/result_uses.h"
#include "meta/site_choice.h"
#include "meta/typed_places.h"
#include "meta/virtual_tables.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// What a function does with the memory at an address, told by the sizes of what it reads and writes there.
struct MemoryUse {
  bool as_bytes = false;   // single bytes, or text by one of libc's functions
  bool as_more = false;    // wider numbers, pointers or floating-point numbers: not just bytes
  bool is_hidden = false;  // something is done of which it cannot be told how it is meant
  bool is_lost =
      false;  // it goes where it is not followed, so that anybody may do anything with it
  bool at_number = false;  // single bytes at fixed distances, as a structure's flags are

  static constexpr MemoryUse lost() { return {.is_hidden = true, .is_lost = true}; }
  bool is_of_bytes() const { return as_bytes && !as_more && !is_hidden; }
  void add(const MemoryUse& other) {
    as_bytes = as_bytes || other.as_bytes;
    as_more = as_more || other.as_more;
    is_hidden = is_hidden || other.is_hidden;
    is_lost = is_lost || other.is_lost;
    at_number = at_number || other.at_number;
  }
};

// What the callee does with the memory that its argument `n` points at.
using UseByCallee = std::function<MemoryUse(const CallFact& call, int n)>;

// The types that the program gives to what calls return, in one function.
class TargetFinder {
 public:
  // `function` is nullptr where there is no debug information. Nothing is copied: all must outlive this.
  TargetFinder(const types::ObjectModel& model, const TypedStatics& statics,
               const OptimisedPointers& optimised, const VirtualTables& virtual_tables,
               const types::FunctionRecord* function, const FunctionFlow& flow);

  // Of the pointer variables, members, arguments and so on that get the result of `call`.
  std::vector<SiteTarget> targets_of_result(const CallFact& call) const;
  // Likewise of what gets the value of `atom`, whatever that is.
  std::vector<SiteTarget> targets_of(AtomId atom) const;
  // What pointers point at that get an address at some distance from the result of `call`; void only if such an address is returned
  // as one.
  std::vector<types::TypeIndex> targets_elsewhere(const CallFact& call) const;
  std::vector<types::TypeIndex> targets_elsewhere(AtomId atom) const;
  // Each T of which a pointer walks over the block in steps of a T, from its start or a whole number of T further on; none if a place that is no
  // such pointer gets an address further on.
  std::vector<types::TypeIndex> rows_in(const CallFact& call) const;
  // Of the memory at the address that is the value of `atom`, and behind it.
  MemoryUse memory_use(AtomId atom, const UseByCallee& by_callee) const;
  bool is_returned(AtomId atom) const;  // it, or an address at some distance from it
  // Whether the address of `place`, the member of a structure, goes to a register, to memory or to a function, or whether something is
  // read at an index from there, so that the member may be reached by other ways.
  bool is_address_handed_on(const TypedPlace& place) const;
  // Whether memory is read at `place`, or where that may be, by an instruction whose result is not followed.
  bool is_read_blindly(const TypedPlace& place) const;
  // Whether memory is read somewhere in a structure of `type`, at a distance that is no number and leads to no element of an array in it.
  bool is_read_anywhere_in(types::TypeIndex type) const;
  // The places that are written with the value of `atom`, or with an address at some distance from it, apart from
  // those in the frame that the function keeps to itself: where in what object that starts there. Nothing if one of
  // them is not known.
  std::optional<std::vector<TypedPlace>> places_written(AtomId atom) const;
  // ... and that the atom, a load, is read from.
  std::vector<TypedPlace> places_read(AtomId load) const;
  // Of the pointer whose address the call gets as its argument `n`.
  std::vector<SiteTarget> targets_of_argument(const CallFact& call, int n) const;

  // The classes whose virtual tables are stored where the result of `call` points.
  std::vector<types::TypeIndex> dynamic_types(const CallFact& call) const;

  // The block itself, on some way; and on no way an address elsewhere in it.
  bool is_returned(const CallFact& call) const;
  // What a type found for one result tells about others: `p->next = malloc(...)`.
  void set_result_type(AtomId result, types::TypeIndex pointee) {
    result_types_.set(result, pointee);
  }
  // Whether something was said that would be said otherwise now.
  bool has_learnt() const { return result_types_.has_misled(); }
  // Whether the value is an argument of this function, or computed from one.
  bool is_from_argument(const Value& value, std::uint64_t pc) const;

 private:
  bool may_be_temporary(const StoreFact& store) const;
  bool gets_another_result(const StoreFact& store) const;
  std::vector<types::TypeIndex> walked_by_counting(const ResultUses& uses) const;
  std::int64_t step_over(AtomId block, AtomId atom) const;
  bool may_return_address() const;
  bool returns_two_words() const;
  bool is_not_passed(const Callee& callee, int n) const;
  bool is_moved_as_structures(const CallFact& call, int n) const;
  bool is_frame_private(const Access& access) const;
  // Is argument `n` of the callee, a function of this object, a pointer to characters?
  bool is_declared_as_text(const Callee& callee, int n) const;
  void add_argument_targets(std::vector<SiteTarget>& targets, const Callee& callee, int n,
                            bool is_direct) const;

  const types::ObjectModel& model_;
  const VirtualTables& virtual_tables_;
  const types::FunctionRecord* function_;
  const FunctionFlow& flow_;
  TypedVariables variables_;
  ResultTypes result_types_;
  PointerTypes pointers_;
  UseIndex uses_;
};

// What a function's return value points at by its declaration; kNoType if that is not known or no object.
types::TypeIndex returned_pointee(const types::ObjectModel& model,
                                  const types::FunctionRecord* function);

// The declared type of the argument that is passed in argument register `n`, by the order of arguments alone. True of code that is
// compiled without optimisation; gives up at anything that is not passed in one general register.
types::TypeIndex argument_by_position(const types::ObjectModel& model,
                                      const types::FunctionRecord& function, int n);

}  // namespace allocs::meta
