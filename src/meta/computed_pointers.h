// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "meta/dwarf_facts.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// During [low, high) a pointer variable is nowhere, but the debug information computes its value from registers: "rax + 16".
struct ComputedPointer {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint32_t registers = 0;  // bit r: it takes part
  std::optional<std::int64_t>
      addend;  // nothing where the value is not one register and this number
  types::TypeIndex type = types::kNoType;  // of the pointer
};

// Those of one object. An image has none of them: there is nothing to be asked about where a variable has no place.
class ComputedPointers {
 public:
  ComputedPointers(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                   const types::ObjectModel& model);

  // Those that begin in the code of one function.
  std::span<const ComputedPointer> in(std::uint64_t low, std::uint64_t high) const;

 private:
  std::vector<ComputedPointer> all_;  // by low
};

}  // namespace allocs::meta
