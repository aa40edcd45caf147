// SPDX-License-Identifier: Apache-2.0
#include "meta/machine_code.h"

#include <Zydis/Zydis.h>

#include <utility>

#include "meta/common_instructions.h"

namespace allocs::meta {
namespace {

Register register_of(ZydisRegister r) {
  switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r)) {
    case ZYDIS_REGISTER_RAX:
      return Register::rax;
    case ZYDIS_REGISTER_RDX:
      return Register::rdx;
    case ZYDIS_REGISTER_RCX:
      return Register::rcx;
    case ZYDIS_REGISTER_RBX:
      return Register::rbx;
    case ZYDIS_REGISTER_RSI:
      return Register::rsi;
    case ZYDIS_REGISTER_RDI:
      return Register::rdi;
    case ZYDIS_REGISTER_RBP:
      return Register::rbp;
    case ZYDIS_REGISTER_RSP:
      return Register::rsp;
    case ZYDIS_REGISTER_R8:
      return Register::r8;
    case ZYDIS_REGISTER_R9:
      return Register::r9;
    case ZYDIS_REGISTER_R10:
      return Register::r10;
    case ZYDIS_REGISTER_R11:
      return Register::r11;
    case ZYDIS_REGISTER_R12:
      return Register::r12;
    case ZYDIS_REGISTER_R13:
      return Register::r13;
    case ZYDIS_REGISTER_R14:
      return Register::r14;
    case ZYDIS_REGISTER_R15:
      return Register::r15;
    default:
      return Register::none;
  }
}

void take_place(Operand& place, const ZydisDecodedOperandMem& mem, std::uint64_t next) {
  place.number = mem.disp.value;
  place.known = mem.segment != ZYDIS_REGISTER_FS && mem.segment != ZYDIS_REGISTER_GS;
  if (mem.base == ZYDIS_REGISTER_RIP) {
    place.number += static_cast<std::int64_t>(next);
  } else if (mem.base != ZYDIS_REGISTER_NONE) {
    place.base = register_of(mem.base);
    place.known = place.known && place.base != Register::none;
  }
  if (mem.index != ZYDIS_REGISTER_NONE) {
    place.index = register_of(mem.index);
    place.scale = mem.scale;
    place.known = place.known && place.index != Register::none;
  }
}

Operand operand_of(const ZydisDecodedOperand& from, std::uint64_t next) {
  Operand to;
  to.size = static_cast<std::uint8_t>(from.size / 8);
  switch (from.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      to.gpr = register_of(from.reg.value);
      to.kind = to.gpr == Register::none ? Operand::Kind::foreign : Operand::Kind::gpr;
      to.high_byte = from.reg.value >= ZYDIS_REGISTER_AH && from.reg.value <= ZYDIS_REGISTER_BH;
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      to.kind = Operand::Kind::immediate;
      to.number = from.imm.value.s;
      if (from.imm.is_relative) to.number += static_cast<std::int64_t>(next);
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      to.kind = Operand::Kind::memory;
      take_place(to, from.mem, next);
      break;
    default:
      to.kind = Operand::Kind::foreign;
  }
  return to;
}

Operation operation_of(const ZydisDecodedInstruction& raw) {
  switch (raw.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
      return Operation::move;
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_CDQE:
      return Operation::extend;
    case ZYDIS_MNEMONIC_LEA:
      return Operation::take_address;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_INC:
      return Operation::add;
    case ZYDIS_MNEMONIC_ADC:
      return Operation::add_carry;
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_DEC:
      return Operation::subtract;
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_MUL:
      return Operation::multiply;
    case ZYDIS_MNEMONIC_SHL:
      return Operation::shift_left;
    case ZYDIS_MNEMONIC_PUSH:
      return Operation::push;
    case ZYDIS_MNEMONIC_POP:
      return Operation::pop;
    case ZYDIS_MNEMONIC_LEAVE:
      return Operation::leave;
    case ZYDIS_MNEMONIC_CALL:
      return Operation::call;
    case ZYDIS_MNEMONIC_JMP:
      return Operation::jump;
    case ZYDIS_MNEMONIC_RET:
      return Operation::return_;
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INT3:
      return Operation::stop;
    case ZYDIS_MNEMONIC_CMP:
      return Operation::compare;
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_ENDBR64:
      return Operation::look;
    default:
      break;
  }
  switch (raw.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
      return Operation::branch;
    case ZYDIS_CATEGORY_CMOV:
      return Operation::conditional_move;
    default:
      return Operation::other;
  }
}

std::uint16_t writes_of(const ZydisDecodedInstruction& raw, const ZydisDecodedOperand* operands) {
  std::uint16_t writes = 0;
  for (int i = 0; i < raw.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
    writes |= mask_of(register_of(operand.reg.value));
  }
  return writes;
}

Operand immediate(std::int64_t value, std::uint8_t size) {
  Operand operand;
  operand.kind = Operand::Kind::immediate;
  operand.size = size;
  operand.number = value;
  return operand;
}

// `movsq` and its like, which name their memory by their opcode alone; repeated, they copy and set as much as a register says.
void add_unnamed_memory(Instruction& instruction, const ZydisDecodedInstruction& raw,
                        const ZydisDecodedOperand* operands) {
  for (int n = raw.operand_count_visible; n < raw.operand_count; ++n) {
    const ZydisDecodedOperand& operand = operands[n];
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    const bool is_written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    const bool is_taken = instruction.second.kind != Operand::Kind::none;
    Operand& to = is_written || is_taken ? instruction.first : instruction.second;
    to = operand_of(operand, instruction.end());
  }
  const bool is_string = raw.meta.category == ZYDIS_CATEGORY_STRINGOP;
  const bool is_repeated = (raw.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
  if (!is_string || !is_repeated || !instruction.first.is_memory()) return;
  instruction.first.size = Operand::kManyBytes;
  if (instruction.second.is_memory()) instruction.second.size = Operand::kManyBytes;
}

// Gives one shape to the many spellings of an operation.
void normalise(Instruction& instruction, const ZydisDecodedInstruction& raw) {
  Operand& first = instruction.first;
  switch (raw.mnemonic) {
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_SUB:
      if (first.is_gpr() && instruction.second.is_gpr() && first.gpr == instruction.second.gpr &&
          first.size >= 4) {
        instruction.operation = Operation::zero;
      }
      break;
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
      instruction.second = immediate(1, first.size);
      break;
    case ZYDIS_MNEMONIC_NOP:  // its operand is there to make it long
      first = instruction.second = {};
      break;
    case ZYDIS_MNEMONIC_CDQE:
      first.kind = instruction.second.kind = Operand::Kind::gpr;
      first.gpr = instruction.second.gpr = Register::rax;
      first.size = 8;
      instruction.second.size = 4;
      break;
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_MUL:
      if (raw.operand_count_visible == 1) {  // rdx and rax get the product of rax and the operand
        instruction.third = first;
        first.kind = Operand::Kind::gpr;
        first.gpr = Register::rax;
        first.high_byte = false;
        instruction.second = first;
      } else if (raw.operand_count_visible == 2) {
        instruction.third = instruction.second;
        instruction.second = first;
      }
      break;
    default:
      break;
  }
}

}  // namespace

std::optional<Instruction> disassemble(std::span<const std::byte> bytes, std::uint64_t address) {
  static const ZydisDecoder decoder = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  ZydisDecodedInstruction raw;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &raw, operands)))
    return std::nullopt;
  Instruction instruction;
  instruction.address = address;
  instruction.length = raw.length;
  instruction.operation = operation_of(raw);
  instruction.writes = writes_of(raw, operands);
  if (instruction.operation == Operation::branch) instruction.condition = raw.opcode & 0xF;
  const std::uint64_t next = instruction.end();
  if (raw.operand_count_visible > 0) instruction.first = operand_of(operands[0], next);
  if (raw.operand_count_visible > 1) instruction.second = operand_of(operands[1], next);
  if (raw.operand_count_visible > 2) instruction.third = operand_of(operands[2], next);
  // Vector instructions have their memory last: `vaddsd xmm0, xmm1, [rax]`.
  for (int n = 2; n < raw.operand_count_visible; ++n) {
    const bool is_hidden =
        instruction.operation == Operation::other && operands[n].type == ZYDIS_OPERAND_TYPE_MEMORY;
    if (is_hidden) instruction.second = operand_of(operands[n], next);
  }
  if (instruction.operation == Operation::other) add_unnamed_memory(instruction, raw, operands);
  // `div [rbp-16]` writes nothing there.
  const bool only_reads_memory = instruction.operation == Operation::other &&
                                 raw.operand_count_visible == 1 && instruction.first.is_memory() &&
                                 instruction.second.kind == Operand::Kind::none &&
                                 (operands[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0;
  if (only_reads_memory) std::swap(instruction.first, instruction.second);
  normalise(instruction, raw);
  return instruction;
}

std::vector<Instruction> decode_code(std::span<const std::byte> bytes, std::uint64_t address,
                                     std::vector<Instruction> room) {
  std::vector<Instruction> code = std::move(room);
  code.clear();
  code.reserve(bytes.size() / 4);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::span<const std::byte> rest = bytes.subspan(at);
    const elf::InstructionFields fields =
        elf::instruction_fields(reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size());
    std::optional<Instruction> instruction = common_instruction(fields, address + at);
    if (!instruction) instruction = disassemble(rest, address + at);
    at += instruction ? instruction->length : 1;
    if (instruction) code.push_back(*instruction);
  }
  return code;
}

}  // namespace allocs::meta
