// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// x86-64 instructions reduced to what the analysis of allocation calls asks about: where values come from and where they
// go. Everything else is `other`, with the registers it writes.
namespace allocs::meta {

// General registers by their DWARF numbers, because variables' locations use these.
enum class Register : std::uint8_t {
  rax,
  rdx,
  rcx,
  rbx,
  rsi,
  rdi,
  rbp,
  rsp,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  none
};
inline constexpr std::size_t kRegisterCount = 16;
inline constexpr Register kArgumentRegisters[] = {Register::rdi, Register::rsi, Register::rdx,
                                                  Register::rcx, Register::r8,  Register::r9};
constexpr std::uint16_t mask_of(Register r) {
  return r == Register::none ? 0 : static_cast<std::uint16_t>(1u << static_cast<unsigned>(r));
}
inline constexpr std::uint16_t kAllRegisters = 0xFFFF;
static_assert(kRegisterCount == 16);
// What a called function may change.
inline constexpr std::uint16_t kCallClobbers =
    mask_of(Register::rax) | mask_of(Register::rdx) | mask_of(Register::rcx) |
    mask_of(Register::rsi) | mask_of(Register::rdi) | mask_of(Register::r8) |
    mask_of(Register::r9) | mask_of(Register::r10) | mask_of(Register::r11);

// base + index * scale + displacement. A rip-relative operand has no base and its link address as displacement. `known` is
// false for what cannot be said so (thread-local storage, vector gathers).
struct MemoryPlace {
  Register base = Register::none;
  Register index = Register::none;
  std::uint8_t scale = 0;
  bool known = true;
  std::int64_t displacement = 0;

  bool operator==(const MemoryPlace&) const = default;
  bool is_absolute() const { return known && base == Register::none && index == Register::none; }
};

struct Operand {
  enum class Kind : std::uint8_t {
    none,
    gpr,
    immediate,
    memory,
    foreign
  };  // foreign: a vector register and the like
  // As many as a register counts.
  static constexpr std::uint8_t kManyBytes = 255;
  Kind kind = Kind::none;
  std::uint8_t size = 0;  // bytes
  Register gpr = Register::none;
  bool high_byte = false;  // ah, bh, ch, dh
  // Of memory, see MemoryPlace:
  Register base = Register::none;
  Register index = Register::none;
  std::uint8_t scale = 0;
  bool known = true;
  std::int64_t number =
      0;  // an immediate, which of a direct call or jump is the target's link address; or memory's displacement

  bool operator==(const Operand&) const = default;
  MemoryPlace memory() const { return {base, index, scale, known, number}; }
  bool is_gpr() const { return kind == Kind::gpr; }
  bool is_immediate() const { return kind == Kind::immediate; }
  bool is_memory() const { return kind == Kind::memory; }
};

enum class Operation : std::uint8_t {
  move,              // first = second
  extend,            // first = second, zero- or sign-extended
  take_address,      // first = &second
  add,               // first += second
  add_carry,         // first += second, and perhaps one more
  subtract,          // first -= second
  multiply,          // first = second * third; rdx may be written as well
  shift_left,        // first <<= second
  zero,              // first = 0
  conditional_move,  // first = second, or unchanged
  push,              // of first
  pop,               // to first
  leave,
  call,    // of first
  jump,    // to first
  branch,  // to first, or not
  return_,
  stop,     // control does not pass: ud2, hlt, int3
  compare,  // of first with second
  look,     // changes no register and no memory: test, nop
  other,    // first may be written, if it is memory; see `writes`
};

// Small, because code is decoded whole.
struct Instruction {
  std::uint64_t address = 0;
  std::uint8_t length = 0;
  Operation operation = Operation::other;
  std::uint16_t writes =
      0;  // mask of the general registers that it changes, other than a stack pointer's push or pop
  std::uint8_t condition = 0;  // of a branch: the low four bits of its opcode
  Operand first, second, third;

  bool operator==(const Instruction&) const = default;
  std::uint64_t end() const { return address + length; }
};
static_assert(sizeof(Instruction) == 64);

// The first instruction in `bytes`, which lie at `address`, as a disassembler sees it.
std::optional<Instruction> disassemble(std::span<const std::byte> bytes, std::uint64_t address);

// The instructions in `bytes`, which lie at `address`, one after the other. Bytes that are no instruction are skipped one by one. `room`: its content is
// lost, and its memory is used.
std::vector<Instruction> decode_code(std::span<const std::byte> bytes, std::uint64_t address,
                                     std::vector<Instruction> room = {});

}  // namespace allocs::meta
