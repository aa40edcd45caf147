// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "meta/machine_code.h"
#include "meta/optimised_pointers.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// `offset` bytes into something of `type`.
struct TypedPlace {
  types::TypeIndex type = types::kNoType;
  std::int64_t offset = 0;
  friend bool operator==(const TypedPlace&, const TypedPlace&) = default;
};

// The variables of one function, the ones inlined into it included.
class TypedVariables {
 public:
  TypedVariables(const types::ObjectModel& model, const OptimisedPointers& optimised,
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
  struct InRegister {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint64_t reach = 0;  // the greatest `high` up to here
    types::TypeIndex type = types::kNoType;
    std::uint32_t number = 0;  // as the variables come
    Register gpr = Register::none;
    bool is_argument = false;
  };
  struct InFrame {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::int64_t offset = 0;  // from the canonical frame address
    std::uint64_t size = 0;
    types::TypeIndex type = types::kNoType;
    bool is_argument = false;
    bool holds(std::int64_t byte) const {
      return byte >= offset && static_cast<std::uint64_t>(byte - offset) < size;
    }
  };
  void add_computed(std::span<const ComputedPointer> pointers);
  void add_pieces(const types::ObjectModel& model, const types::FunctionRecord& function);
  void add_piece(const types::LocationPiece& piece, types::TypeIndex type, std::uint64_t size,
                 bool is_argument);
  void sort_registers();
  // Those that are in `r` somewhere in [low, high), as the variables come.
  std::vector<const InRegister*> overlapping(Register r, std::uint64_t low,
                                             std::uint64_t high) const;

  std::vector<InRegister> in_registers_;  // by register, then by low
  std::array<std::uint32_t, kRegisterCount + 1>
      first_in_{};                                // those of r: [first_in_[r], first_in_[r + 1])
  std::vector<InFrame> in_frame_;                 // as the variables come
  std::vector<const ComputedPointer*> computed_;  // by register, then by low
  std::array<std::uint32_t, kRegisterCount + 1> first_computed_{};  // likewise
};

}  // namespace allocs::meta
