// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "meta/computed_pointers.h"
#include "meta/value_flow.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// `offset` bytes into something of `type`.
struct TypedPlace {
  types::TypeIndex type = types::kNoType;
  std::int64_t offset = 0;
  friend bool operator==(const TypedPlace&, const TypedPlace&) = default;
};

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

// The variables of one function, the ones inlined into it included.
class TypedVariables {
 public:
  TypedVariables(const types::ObjectModel& model, const ComputedPointers& computed,
                 const types::FunctionRecord* function);

  // Types of the variables that live in `r` somewhere in [low, high), or at `pc`.
  std::vector<types::TypeIndex> in_register(Register r, std::uint64_t low,
                                            std::uint64_t high) const;
  std::vector<types::TypeIndex> in_register_at(Register r, std::uint64_t pc) const {
    return in_register(r, pc, pc + 1);
  }
  // Each of them, and the part of [low, high) during which it is there.
  struct Stay {
    types::TypeIndex type = types::kNoType;
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  std::vector<Stay> stays_in_register(Register r, std::uint64_t low, std::uint64_t high) const;
  // Likewise those that are nowhere, but whose value the debug information computes from what is in `r`.
  std::vector<ComputedPointer> computed_from(Register r, std::uint64_t low,
                                             std::uint64_t high) const;
  // Places of variables in memory that hold the byte at `offset` from the canonical frame address when control is at `pc`.
  std::vector<TypedPlace> in_frame(std::int64_t offset, std::uint64_t pc) const;
  // Whether who knows the address of `low` in the frame may get at `high`, because both are in one variable, or
  // `low` in none that is known.
  bool may_be_one_in_frame(std::int64_t low, std::int64_t high) const;
  // Whether an argument of the function itself lives there.
  bool is_argument_in_frame(std::int64_t offset, std::uint64_t pc) const;
  bool is_argument_in_register(Register r, std::uint64_t pc) const;

 private:
  struct Piece {
    types::LocationPiece where;
    types::TypeIndex type;
    std::uint64_t size;
    bool is_argument;
    std::size_t number() const;  // of the register, or kInNoRegister
    bool is_in_frame_at(std::int64_t offset) const;
  };
  static constexpr std::size_t kInNoRegister = ~std::size_t{0};
  std::vector<Piece> pieces_;  // by number, then as the variables come
  struct Computed {
    Register from = Register::none;
    const ComputedPointer* pointer = nullptr;
    std::uint64_t low() const { return pointer->low; }
  };
  std::vector<Computed> computed_;  // by register, then by low
};

// What values point at, told by variables, members, statics and results of functions.
class PointerTypes {
 public:
  // `result_types` is what is known of the results of this function's calls by other means.
  PointerTypes(const types::ObjectModel& model, const TypedStatics& statics,
               const TypedVariables& variables, const FunctionFlow& flow,
               const std::map<AtomId, types::TypeIndex>& result_types);

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
  const std::map<AtomId, types::TypeIndex>& result_types_;
};

// The type that a pointer of type `pointer` points at; kNoType if it is no pointer or points at code.
types::TypeIndex pointee_of(const types::TypeGraph& graph, types::TypeIndex pointer);

}  // namespace allocs::meta
