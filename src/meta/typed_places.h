// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "meta/typed_variables.h"
#include "meta/value_flow.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// The type of the scalar that starts exactly at `place`, through members, bases and elements; none if there is no such scalar, or if
// overlapping members of a union disagree.
struct ScalarPlace {
  types::TypeIndex type = types::kNoType;
  std::uint64_t step =
      0;  // size of an element of the innermost array on the way; 0 if there was none
};
std::vector<ScalarPlace> scalars_at(const types::TypeGraph& graph, const TypedPlace& place);

// Or any other number of one byte.
inline bool is_character(const types::TypeRecord& type) {
  return type.kind == types::Kind::base && type.size == 1;
}

// The static objects of known type, by address.
class TypedStatics {
 public:
  explicit TypedStatics(const types::ObjectModel& model);
  std::vector<TypedPlace> at(std::uint64_t address) const;

 private:
  struct Object {
    std::uint64_t address, size;
    types::TypeIndex type;
  };
  std::vector<Object> objects_;  // by address
};

// What the results of a function's calls point at, as far as that is known by other means than PointerTypes'.
class ResultTypes {
 public:
  // kNoType if it is not known.
  types::TypeIndex of(AtomId result) const {
    asked_.insert(result);
    const auto known = types_.find(result);
    return known == types_.end() ? types::kNoType : known->second;
  }
  void set(AtomId result, types::TypeIndex pointee) {
    const auto [at, is_new] = types_.try_emplace(result, pointee);
    const bool is_news = is_new || at->second != pointee;
    at->second = pointee;
    has_misled_ = has_misled_ || (is_news && asked_.contains(result));
  }
  // Whether who asked before would be told something else now.
  bool has_misled() const { return has_misled_; }

 private:
  std::unordered_map<AtomId, types::TypeIndex> types_;
  mutable std::unordered_set<AtomId> asked_;
  bool has_misled_ = false;
};

// What values point at, told by variables, members, statics and results of functions.
class PointerTypes {
 public:
  PointerTypes(const types::ObjectModel& model, const TypedStatics& statics,
               const TypedVariables& variables, const FunctionFlow& flow,
               const ResultTypes& result_types);

  // What `value` may point at. `r` is where the value is when control is at `pc`; none if it is in no register.
  std::vector<TypedPlace> targets_of(const Value& value, Register r, std::uint64_t pc) const;
  // What the pointer at `access` points at, by its declared type. `after` is where control is once it is written.
  std::vector<types::TypeIndex> declared_targets(const Access& access, std::uint64_t after) const;
  // Where `access` is: in what, at what distance from its start.
  std::vector<TypedPlace> places_of(const Access& access, std::uint64_t after) const {
    return places_of(access, after, 0);
  }
  // Whether `place`, moved by steps of so many bytes, is in a whole element of the pointed-at array, or of an array inside.
  bool stays_typed(const TypedPlace& place, std::int64_t step) const;
  // Likewise for the pointer that lies where `address` points.
  std::vector<types::TypeIndex> declared_targets_at(const Value& address, Register r,
                                                    std::uint64_t pc) const;

 private:
  std::vector<TypedPlace> places_of(const Access& access, std::uint64_t after, int depth) const;
  std::vector<TypedPlace> targets(const Value& value, Register r, std::uint64_t pc,
                                  int depth) const;
  void add_atom_targets(std::vector<TypedPlace>& found, const Value& value, std::uint64_t pc,
                        int depth) const;
  std::vector<TypedPlace> targets_of_choice(AtomId choice, int depth) const;
  std::vector<TypedPlace> stepped(std::vector<TypedPlace> places, std::int64_t step) const;
  std::vector<types::TypeIndex> pointees(std::span<const TypedPlace> places) const;

  const types::ObjectModel& model_;
  const TypedStatics& statics_;
  const TypedVariables& variables_;
  const FunctionFlow& flow_;
  const ResultTypes& result_types_;
};

// The type that a pointer of type `pointer` points at; kNoType if it is no pointer or points at code.
types::TypeIndex pointee_of(const types::TypeGraph& graph, types::TypeIndex pointer);

}  // namespace allocs::meta
