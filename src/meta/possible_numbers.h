// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "meta/value_flow.h"

namespace allocs::meta {

using Numbers = std::set<std::int64_t>;

// Which numbers values of one function may be where these are few: what a switch or a conditional chooses from, also where a compiler
// has made arithmetic of it (`cmp; sbb eax, eax; and eax, 8; add eax, 9` is 9 or 17).
class PossibleNumbers {
 public:
  // `code` are the function's instructions, by address. Keeps references to all of them.
  PossibleNumbers(const ElfFile& object, const FunctionFlow& flow,
                  std::span<const Instruction> code)
      : object_(object), flow_(flow), code_(code) {}

  // Empty if it may be others, or more than a few. Numbers of 32 bits are taken to be signed.
  Numbers of(const Value& value) const;

 private:
  std::optional<Numbers> of(const Value& value, int depth) const;
  std::optional<Numbers> of_choice(const Atom& choice, int depth) const;
  std::optional<Numbers> of_opaque(const Atom& opaque, int depth) const;
  std::optional<Numbers> of_byte(const Value& value, int depth) const;
  std::optional<Numbers> of_arithmetic(const Instruction& instruction, const Atom& result,
                                       int depth) const;
  const Instruction* instruction_before(std::uint64_t pc) const;

  const ElfFile& object_;
  const FunctionFlow& flow_;
  std::span<const Instruction> code_;
  mutable int steps_ = 0;  // of the question that is answered
};

}  // namespace allocs::meta
