// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace allocs::elf {

inline constexpr std::size_t kLongestInstruction = 15;

// What the bytes of an x86-64 instruction say, before anything is made of them.
struct InstructionFields {
  // The opcode's: behind nothing, behind 0F, behind more.
  enum class Map : std::uint8_t { one_byte, two_bytes, other };
  // Other: EVEX, XOP.
  enum class Form : std::uint8_t { legacy, vex, other };

  std::uint8_t length = 0;  // bytes; 0 for no instruction
  Map map = Map::one_byte;
  Form form = Form::legacy;
  std::uint8_t opcode = 0;

  bool w = false, r = false, x = false, b = false;  // of a REX or a vector prefix, not inverted
  bool is_short = false;                            // 66
  bool has_rep = false, has_repne = false;          // F3, F2: of several the last
  bool has_lock = false;
  bool has_small_address = false;  // 67
  bool is_thread_local = false;    // fs or gs
  std::uint8_t vector_prefix = 0;  // of VEX, what it stands for: 0 nothing, 1 66, 2 F3, 3 F2
  bool is_long_vector = false;     // of VEX

  bool has_modrm = false;
  std::uint8_t mod = 0, reg = 0, rm = 0;  // three bits each, as they are written
  bool has_rex = false;
  bool has_sib = false;
  std::uint8_t scale = 0, index = 0, base = 0;  // of the SIB byte; scale: a power of two
  std::int64_t displacement = 0;
  std::uint8_t constant_size = 0;  // bytes
  std::int64_t constant = 0;       // sign-extended
};

// The fields of the instruction that begins at `code`, of which `left` bytes are there; its length is 0 if there is none, or not the whole of
// it. Everything that processors define has the size that they give it; of what they leave undefined some is told to be none, and some has the
// size that it would have. (Intel's and AMD's opcode maps; a near branch with an operand-size prefix is as long as Intel has it.)
// Context: signal.
InstructionFields instruction_fields(const std::uint8_t* code, std::size_t left);

// Its size in bytes alone, or 0.
// Context: signal.
std::size_t instruction_length(const std::uint8_t* code, std::size_t left);

}  // namespace allocs::elf
