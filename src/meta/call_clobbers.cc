// SPDX-License-Identifier: Apache-2.0
#include "meta/call_clobbers.h"

#include <algorithm>
#include <optional>

#include "elf/x86_instruction.h"
#include "meta/code_paths.h"

// Only the fields of instructions are looked at, and only the usual forms are understood. What is not understood changes rax, as a result does, and nothing else: a register that is taken for
// one that is kept makes a value live on that nobody reads.
namespace allocs::meta {

using elf::InstructionFields;

namespace {

using Map = InstructionFields::Map;

std::uint16_t bit(std::uint8_t low, bool is_high) {
  constexpr Register kByNumber[] = {Register::rax, Register::rcx, Register::rdx, Register::rbx,
                                    Register::rsp, Register::rbp, Register::rsi, Register::rdi};
  return is_high ? static_cast<std::uint16_t>(1u << (8 + low)) : mask_of(kByNumber[low]);
}
std::uint16_t in_reg(const InstructionFields& i) { return bit(i.reg, i.r); }
std::uint16_t in_rm(const InstructionFields& i) { return i.mod == 3 ? bit(i.rm, i.b) : 0; }

std::uint16_t written_by_two_bytes(const InstructionFields& i) {
  const std::uint8_t op = i.opcode;
  const bool is_to_reg =
      (op & 0xf0) == 0x40 || op == 0xaf || op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf;
  const bool is_jump_or_nop = (op & 0xf0) == 0x80 || op == 0x1e || op == 0x1f;
  return is_to_reg ? in_reg(i) : is_jump_or_nop ? 0 : mask_of(Register::rax);
}

// add, or, adc, sbb, and, sub, xor and cmp, which changes nothing.
std::uint16_t written_by_arithmetic(const InstructionFields& i) {
  if (i.opcode >= 0x38) return 0;
  switch (i.opcode & 7) {
    case 1:
      return in_rm(i);
    case 3:
      return in_reg(i);
    default:
      return mask_of(Register::rax);
  }
}

std::uint16_t written_by(const InstructionFields& i) {
  const bool is_known = i.form == InstructionFields::Form::legacy && i.map != Map::other;
  if (!is_known) return mask_of(Register::rax);
  if (i.map == Map::two_bytes) return written_by_two_bytes(i);
  const std::uint8_t op = i.opcode;
  if (op < 0x40) return written_by_arithmetic(i);
  switch (op) {
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0x8b:
    case 0x8d:
      return in_reg(i);
    case 0x81:
    case 0x83:
      return i.reg == 7 ? 0 : in_rm(i);
    case 0x89:
    case 0xc1:
    case 0xc7:
    case 0xd1:
    case 0xd3:
      return in_rm(i);
    case 0x84:
    case 0x85:
    case 0x90:
    case 0xc3:
    case 0xe9:
    case 0xeb:
      return 0;
    case 0x88:
    case 0xc6:
      return i.mod == 3 ? mask_of(Register::rax) : 0;
    case 0x99:
      return mask_of(Register::rdx);
    case 0xf7:
      if (i.reg >= 4) return mask_of(Register::rax) | mask_of(Register::rdx);
      return i.reg >= 2 ? in_rm(i) : 0;
    case 0xff:
      if (i.reg == 4) return mask_of(Register::rax);  // a jump through a pointer may lead anywhere
      return i.reg <= 1 ? in_rm(i) : 0;
    default:
      break;
  }
  const auto low = static_cast<std::uint8_t>(op & 7);
  if ((op & 0xf8) == 0x58 || (op & 0xf8) == 0xb8) return bit(low, i.b);
  const bool is_push_or_jump = (op & 0xf8) == 0x50 || (op & 0xf0) == 0x70;
  return is_push_or_jump ? 0 : mask_of(Register::rax);
}

bool is_of(const InstructionFields& i, Map map) {
  return i.form == InstructionFields::Form::legacy && i.map == map;
}
bool is_call(const InstructionFields& i) { return is_of(i, Map::one_byte) && i.opcode == 0xe8; }
bool is_indirect_call(const InstructionFields& i) {
  return is_of(i, Map::one_byte) && i.opcode == 0xff && i.reg == 2;
}
bool is_return(const InstructionFields& i) {
  if (i.form != InstructionFields::Form::legacy) return false;
  const bool is_near = i.opcode == 0xc2 || i.opcode == 0xc3;
  const bool is_far = i.opcode == 0xca || i.opcode == 0xcb || i.opcode == 0xcf;
  return i.map == Map::one_byte && (is_near || is_far);
}
bool is_indirect_jump(const InstructionFields& i) {
  return is_of(i, Map::one_byte) && i.opcode == 0xff && (i.reg == 4 || i.reg == 5);
}
// To a fixed place, always or on a condition, by a short jump or a long one.
bool is_jump(const InstructionFields& i) {
  if (is_of(i, Map::two_bytes)) return (i.opcode & 0xf0) == 0x80;
  return is_of(i, Map::one_byte) &&
         (i.opcode == 0xe9 || i.opcode == 0xeb || (i.opcode & 0xf0) == 0x70);
}

// Where the instruction leads that ends at `end` of the function's bytes.
std::uint64_t target_of(const FunctionCode& code, const InstructionFields& i, std::size_t end) {
  return code.low + end + static_cast<std::uint64_t>(i.constant);
}
// Likewise, if it jumps to code of another.
std::optional<std::uint64_t> jump_out_of(const FunctionCode& code, const InstructionFields& i,
                                         std::size_t end) {
  const std::uint64_t target = target_of(code, i, end);
  const bool is_inside = target >= code.low && target < code.high;
  return is_jump(i) && !is_inside ? std::optional{target} : std::nullopt;
}

bool is_padding(const InstructionFields& i) {
  if (is_of(i, Map::two_bytes)) return i.opcode == 0x1f;
  return is_of(i, Map::one_byte) && (i.opcode == 0x90 || i.opcode == 0xcc);
}
// jmp, hlt, ud2, and a call of what never returns.
bool may_end_function(const InstructionFields& i) {
  if (is_of(i, Map::two_bytes)) return i.opcode == 0x0b;
  const bool is_stop = i.opcode == 0xe9 || i.opcode == 0xeb || i.opcode == 0xf4;
  return is_of(i, Map::one_byte) && (is_stop || is_call(i) || is_indirect_call(i));
}

}  // namespace

std::uint16_t CallClobbers::changed_by(std::uint64_t callee) {
  const std::lock_guard lock{mutex_};
  // What calls itself, by way of others or not, is not finished when it is asked for: compilers count on nothing then, and nor do we.
  const auto [at, is_new] = known_.try_emplace(callee, kCallClobbers);
  if (is_new) at->second = look_at(callee) & kCallClobbers;
  return at->second;
}

bool CallClobbers::may_return(std::uint64_t callee) {
  const std::lock_guard lock{mutex_};
  const auto [at, is_new] = returning_.try_emplace(callee, true);
  if (is_new) at->second = look_for_return(callee);
  return at->second;
}

bool CallClobbers::may_return_from(std::uint64_t target) {
  const Callee callee = linkage_.callee_at(target);
  if (never_returns(callee.name)) return false;
  return callee.address == 0 || callee.may_be_another || may_return(callee.address);
}

bool CallClobbers::look_for_return(std::uint64_t callee) {
  const FunctionCode code = code_around_(callee);
  if (code.low != callee || code.high <= code.low) return true;
  const auto known = std::ranges::lower_bound(returns_, code.low);
  if (known != returns_.end() && *known < code.high) return true;
  const std::span<const std::byte> bytes = object_.bytes_at(code.low, code.high - code.low);
  const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  bool goes_on = true;  // assembly may go on into the next function
  for (std::size_t at = 0; at < bytes.size();) {
    const InstructionFields i = elf::instruction_fields(first + at, bytes.size() - at);
    if (i.length == 0) return true;
    at += i.length;
    if (is_return(i) || is_indirect_jump(i)) return true;
    if (!is_padding(i)) goes_on = !may_end_function(i);
    if (const auto target = jump_out_of(code, i, at); target && may_return_from(*target))
      return true;
  }
  return goes_on;
}

std::uint16_t CallClobbers::by_call_of(std::uint64_t target) {
  const Callee callee = linkage_.callee_at(target);
  const bool is_own = callee.address != 0 && !callee.may_be_another;
  return is_own ? changed_by(callee.address) : kCallClobbers;
}

std::uint16_t CallClobbers::look_at(std::uint64_t callee) {
  const FunctionCode code = code_around_(callee);
  if (code.low != callee || code.high <= code.low) return kCallClobbers;
  const std::span<const std::byte> bytes = object_.bytes_at(code.low, code.high - code.low);
  const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::uint16_t changed = 0;
  for (std::size_t at = 0; at < bytes.size() && changed != kCallClobbers;) {
    const InstructionFields i = elf::instruction_fields(first + at, bytes.size() - at);
    at += std::max<std::size_t>(i.length, 1);
    if (i.length == 0) continue;
    if (is_indirect_call(i)) return kCallClobbers;
    const auto target =
        is_call(i) ? std::optional{target_of(code, i, at)} : jump_out_of(code, i, at);
    changed |= target ? by_call_of(*target) : written_by(i);
    changed &= kCallClobbers;
  }
  return changed;
}

}  // namespace allocs::meta
