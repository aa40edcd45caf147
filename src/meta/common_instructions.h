// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "elf/x86_instruction.h"
#include "meta/machine_code.h"

namespace allocs::meta {

// The instruction at `address` that has these fields, if it is one of the few that most code consists of (moves, sums, comparisons,
// jumps, calls), in their usual forms. It is the same as what disassemble() makes of it.
std::optional<Instruction> common_instruction(const elf::InstructionFields& fields,
                                              std::uint64_t address);

}  // namespace allocs::meta
