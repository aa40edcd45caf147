// SPDX-License-Identifier: Apache-2.0
#include "meta/common_instructions.h"

// Nine in ten instructions of a compiled function are of some 60 opcodes, whose operands are registers and memory as ModRM has them,
// and a constant. For these the disassembler takes twenty times as long as to look at the fields. What is left out goes to it:
// whatever has a lock or address-size prefix, strings, flags, wide products, vectors but for what moves them.
namespace allocs::meta {
namespace {

using Fields = elf::InstructionFields;
using Map = Fields::Map;

constexpr Register kByNumber[] = {Register::rax, Register::rcx, Register::rdx, Register::rbx,
                                  Register::rsp, Register::rbp, Register::rsi, Register::rdi,
                                  Register::r8,  Register::r9,  Register::r10, Register::r11,
                                  Register::r12, Register::r13, Register::r14, Register::r15};

class Builder {
 public:
  Builder(const Fields& fields, std::uint64_t address) : fields_(fields) {
    made_.address = address;
    made_.length = fields.length;
  }

  std::optional<Instruction> build() {
    const bool is_usual = fields_.length != 0 && fields_.form == Fields::Form::legacy &&
                          !fields_.has_lock && !fields_.has_repne && !fields_.has_small_address;
    if (!is_usual || !make()) return std::nullopt;
    return made_;
  }

 private:
  bool make() {
    if (fields_.map == Map::one_byte) return !fields_.has_rep && one_byte();
    if (fields_.map != Map::two_bytes) return false;
    return (!fields_.has_rep && two_bytes()) || vector();
  }

  // Of the operands that are not bytes.
  std::uint8_t size() const { return fields_.w ? 8 : fields_.is_short ? 2 : 4; }
  static std::uint8_t pointer_size() { return 8; }

  // --- operands

  Operand gpr(unsigned number, std::uint8_t size) const {
    Operand operand;
    operand.kind = Operand::Kind::gpr;
    operand.size = size;
    operand.high_byte = size == 1 && !fields_.has_rex && number >= 4;
    operand.gpr = kByNumber[operand.high_byte ? number - 4 : number];
    return operand;
  }
  Operand reg(std::uint8_t size) const { return gpr(fields_.reg | (fields_.r ? 8u : 0u), size); }
  // The register that the opcode itself names.
  Operand low_bits(std::uint8_t size) const {
    return gpr((fields_.opcode & 7u) | (fields_.b ? 8u : 0u), size);
  }
  Operand rm(std::uint8_t size) const {
    if (fields_.mod == 3) return gpr(fields_.rm | (fields_.b ? 8u : 0u), size);
    Operand operand;
    operand.kind = Operand::Kind::memory;
    operand.size = size;
    operand.known = !fields_.is_thread_local;
    operand.number = fields_.displacement;
    if (!fields_.has_sib) {
      if (fields_.mod == 0 && fields_.rm == 5) {
        operand.number += static_cast<std::int64_t>(made_.end());
      } else {
        operand.base = kByNumber[fields_.rm | (fields_.b ? 8u : 0u)];
      }
      return operand;
    }
    if (fields_.mod != 0 || fields_.base != 5)
      operand.base = kByNumber[fields_.base | (fields_.b ? 8u : 0u)];
    const unsigned index = fields_.index | (fields_.x ? 8u : 0u);
    if (index != 4) {
      operand.index = kByNumber[index];
      operand.scale = static_cast<std::uint8_t>(1u << fields_.scale);
    }
    return operand;
  }
  Operand constant() const {
    Operand operand;
    operand.kind = Operand::Kind::immediate;
    operand.size = fields_.constant_size;
    operand.number = fields_.constant;
    return operand;
  }
  // Of a vector register `size` bytes, of which the disassembler tells how many take part.
  static Operand vector_bytes(std::uint8_t size) {
    Operand operand;
    operand.kind = Operand::Kind::foreign;
    operand.size = size;
    return operand;
  }
  Operand vector_rm(std::uint8_t size) const {
    return fields_.mod == 3 ? vector_bytes(size) : rm(size);
  }
  // By how much something is shifted.
  Operand distance() const {
    Operand operand = constant();
    operand.number &= 0xFF;
    return operand;
  }
  Operand target() const {
    Operand operand = constant();
    operand.number += static_cast<std::int64_t>(made_.end());
    return operand;
  }

  // --- what is made of them

  bool make(Operation operation, const Operand& first, const Operand& second = {}) {
    made_.operation = operation;
    made_.first = first;
    made_.second = second;
    return true;
  }
  bool make_writing(Operation operation, const Operand& first, const Operand& second) {
    if (first.is_gpr()) made_.writes = mask_of(first.gpr);
    return make(operation, first, second);
  }
  bool stack(Operation operation, const Operand& first) {
    made_.writes |= mask_of(Register::rsp);
    return make(operation, first);
  }

  // add, or, adc, sbb, and, sub, xor, cmp
  bool arithmetic(unsigned which, const Operand& first, const Operand& second) {
    constexpr unsigned kAdd = 0, kAddCarry = 2, kSub = 5, kXor = 6, kCompare = 7;
    if (which == kCompare) return make(Operation::compare, first, second);
    Operation operation = which == kAdd        ? Operation::add
                          : which == kAddCarry ? Operation::add_carry
                          : which == kSub      ? Operation::subtract
                                               : Operation::other;
    const bool is_itself = first.is_gpr() && second.is_gpr() && first.gpr == second.gpr;
    if ((which == kSub || which == kXor) && is_itself && first.size >= 4)
      operation = Operation::zero;
    return make_writing(operation, first, second);
  }

  bool arithmetic_by_column(unsigned opcode) {
    const unsigned which = opcode >> 3;
    switch (opcode & 7) {
      case 0:
        return arithmetic(which, rm(1), reg(1));
      case 1:
        return arithmetic(which, rm(size()), reg(size()));
      case 2:
        return arithmetic(which, reg(1), rm(1));
      case 3:
        return arithmetic(which, reg(size()), rm(size()));
      case 4:
        return arithmetic(which, gpr(0, 1), constant());
      default:
        return arithmetic(which, gpr(0, size()), constant());
    }
  }

  bool one_byte() {
    const unsigned opcode = fields_.opcode;
    if (opcode < 0x40) return (opcode & 7) < 6 && arithmetic_by_column(opcode);
    switch (opcode) {
      case 0x63:
        return !fields_.is_short && make_writing(Operation::extend, reg(size()), rm(4));
      case 0x69:
      case 0x6B:
        return product(rm(size()), constant());
      case 0x80:
        return arithmetic(fields_.reg, rm(1), constant());
      case 0x81:
        return arithmetic(fields_.reg, rm(size()), constant());
      case 0x83:
        return arithmetic(fields_.reg, rm(size()), constant());
      case 0x84:
        return make(Operation::look, rm(1), reg(1));
      case 0x85:
        return make(Operation::look, rm(size()), reg(size()));
      case 0x88:
        return make_writing(Operation::move, rm(1), reg(1));
      case 0x89:
        return make_writing(Operation::move, rm(size()), reg(size()));
      case 0x8A:
        return make_writing(Operation::move, reg(1), rm(1));
      case 0x8B:
        return make_writing(Operation::move, reg(size()), rm(size()));
      case 0x8D:
        return fields_.mod != 3 && !fields_.is_thread_local &&
               make_writing(Operation::take_address, reg(size()), rm(pointer_size()));
      case 0x90:
        return !fields_.b && make(Operation::look, {});
      case 0xC1:
        return shift();
      case 0xC3:
        return stack(Operation::return_, {});
      case 0xC6:
        return fields_.reg == 0 && make_writing(Operation::move, rm(1), constant());
      case 0xC7:
        return fields_.reg == 0 && make_writing(Operation::move, rm(size()), constant());
      case 0xE8:
        return stack(Operation::call, target());
      case 0xE9:
      case 0xEB:
        return make(Operation::jump, target());
      case 0xF6:
        return fields_.reg == 0 && make(Operation::look, rm(1), constant());
      case 0xF7:
        return fields_.reg == 0 && make(Operation::look, rm(size()), constant());
      case 0xFF:
        return indirect();
      default:
        return by_high_bits(opcode);
    }
  }
  bool by_high_bits(unsigned opcode) {
    switch (opcode & 0xF8) {
      case 0x50:
        return !fields_.is_short && stack(Operation::push, low_bits(pointer_size()));
      case 0x58:
        if (fields_.is_short) return false;
        made_.writes = mask_of(low_bits(pointer_size()).gpr);
        return stack(Operation::pop, low_bits(pointer_size()));
      case 0x70:
      case 0x78:
        return branch();
      case 0xB8:
        return make_writing(Operation::move, low_bits(size()), constant());
      default:
        return false;
    }
  }
  bool indirect() {
    if (fields_.is_short) return false;
    switch (fields_.reg) {
      case 2:
        return stack(Operation::call, rm(pointer_size()));
      case 4:
        return make(Operation::jump, rm(pointer_size()));
      case 6:
        return stack(Operation::push, rm(pointer_size()));
      default:
        return false;
    }
  }

  bool shift() {
    constexpr unsigned kLeft = 4, kRight = 5, kRightSigned = 7;
    const bool is_left = fields_.reg == kLeft;
    if (!is_left && fields_.reg != kRight && fields_.reg != kRightSigned) return false;
    return make_writing(is_left ? Operation::shift_left : Operation::other, rm(size()), distance());
  }
  bool product(const Operand& one, const Operand& other) {
    made_.third = other;
    return make_writing(Operation::multiply, reg(size()), one);
  }

  bool two_bytes() {
    if (fields_.opcode == 0x1F) return fields_.reg == 0 && make(Operation::look, {});
    if (fields_.opcode == 0xAF) return product(reg(size()), rm(size()));
    switch (fields_.opcode & 0xF0) {
      case 0x40:
        return make_writing(Operation::conditional_move, reg(size()), rm(size()));
      case 0x80:
        return branch();
      case 0x90:
        return make_writing(Operation::other, rm(1), {});
      case 0xB0:
        return extension();
      default:
        return false;
    }
  }
  bool extension() {
    switch (fields_.opcode) {
      case 0xB6:
      case 0xBE:
        return make_writing(Operation::extend, reg(size()), rm(1));
      case 0xB7:
      case 0xBF:
        return make_writing(Operation::extend, reg(size()), rm(2));
      default:
        return false;
    }
  }
  bool branch() {
    made_.condition = fields_.opcode & 0xF;
    return !fields_.is_short && make(Operation::branch, target());
  }

  // Nothing of what vectors hold is followed.
  bool vector() {
    const bool is_plain = !fields_.has_rep;  // 66 or nothing
    const bool is_66 = fields_.is_short && !fields_.has_rep;
    const bool is_f3 = fields_.has_rep && !fields_.is_short;
    const std::uint8_t number_size = fields_.w ? 8 : 4;
    switch (fields_.opcode) {
      case 0x10:
      case 0x28:
      case 0x57:
        return is_plain && make(Operation::other, vector_bytes(kVector), vector_rm(kVector));
      case 0x11:
      case 0x29:
        return is_plain && make(Operation::other, vector_rm(kVector), vector_bytes(kVector));
      case 0x16:
        return is_plain && fields_.mod != 3 &&
               make(Operation::other, vector_bytes(kHalf), rm(kHalf));
      case 0x17:
        return is_plain && !fields_.is_short && fields_.mod != 3 &&
               make(Operation::other, rm(kHalf), vector_bytes(kVector));
      case 0x6C:
        return is_66 && fields_.mod == 3 &&
               make(Operation::other, vector_bytes(kVector), vector_bytes(kHalf));
      case 0xEF:
        return is_66 && make(Operation::other, vector_bytes(kVector), vector_rm(kVector));
      case 0x6E:
        return is_66 && make(Operation::other, vector_bytes(kVector), rm(number_size));
      case 0x6F:
        return (is_66 || is_f3) &&
               make(Operation::other, vector_bytes(kVector), vector_rm(kVector));
      case 0x7E:
        if (is_f3) return make(Operation::other, vector_bytes(kVector), vector_rm(kHalf));
        return is_66 && make_writing(Operation::other, rm(number_size), vector_bytes(number_size));
      case 0x7F:
        return (is_66 || is_f3) &&
               make(Operation::other, vector_rm(kVector), vector_bytes(kVector));
      case 0xD6:
        return is_66 && fields_.mod != 3 && make(Operation::other, rm(kHalf), vector_bytes(kHalf));
      default:
        return false;
    }
  }

  static constexpr std::uint8_t kVector = 16, kHalf = 8;  // bytes

  const Fields& fields_;
  Instruction made_;
};

}  // namespace

std::optional<Instruction> common_instruction(const elf::InstructionFields& fields,
                                              std::uint64_t address) {
  return Builder{fields, address}.build();
}

}  // namespace allocs::meta
