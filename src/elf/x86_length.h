// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace allocs::elf {

inline constexpr std::size_t kLongestInstruction = 15;

// The size in bytes of the x86-64 instruction that begins at `code`, of which `left` bytes are there; 0 if there is none, or not the whole of
// it. Everything that processors define has the size that they give it; of what they leave undefined some is told to be none, and some has the
// size that it would have. (Intel's and AMD's opcode maps; a near branch with an operand-size prefix is as long as Intel has it.)
// Context: signal.
std::size_t instruction_length(const std::uint8_t* code, std::size_t left);

}  // namespace allocs::elf
