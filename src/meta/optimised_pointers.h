// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "meta/dwarf_facts.h"
#include "meta/expressions.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// During [low, high()) a pointer variable is nowhere, but the debug information computes its value from registers: "rax + 16".
struct ComputedPointer {
  std::uint64_t low = 0;
  std::uint32_t length = 0;                // bytes of code
  types::TypeIndex type = types::kNoType;  // of the pointer
  std::uint32_t registers = 0;             // bit r: it takes part
  // Nothing where the value is not one register and this number.
  std::optional<std::int32_t> addend;
  std::optional<SteppedAddress> stepped = {};

  std::uint64_t high() const { return low + length; }
};

// During [where.low, where.high) a member of a variable, which is a pointer, is in a register or in the frame, and the other members are
// elsewhere or nowhere.
struct PointerPart {
  types::LocationPiece where;
  types::TypeIndex type = types::kNoType;  // of the pointer
};

// What the debug information of one object says of pointers that an optimiser made nothing of, or parts of variables that it took to pieces. An image
// has none of them: it has places of whole variables.
class OptimisedPointers {
 public:
  OptimisedPointers(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                    const types::ObjectModel& model);

  // Those that begin in the code of one function.
  std::span<const PointerPart> parts_in(std::uint64_t low, std::uint64_t high) const;
  std::span<const ComputedPointer> in(std::uint64_t low, std::uint64_t high) const;

 private:
  void add_computed(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                    const types::ObjectModel& model);
  void add_parts(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                 const types::ObjectModel& model);

  std::vector<ComputedPointer> all_;  // by low
  std::vector<PointerPart> parts_;    // by low
};

}  // namespace allocs::meta
