// SPDX-License-Identifier: Apache-2.0
#include "meta/expressions.h"

#include <dwarf.h>

#include <numeric>

#include "base/byte_reader.h"
#include "types/write/object_model.h"

namespace allocs::meta {

namespace {

constexpr std::size_t kLongest = 128;  // a longer one is not worth its place in the image

// Moves past the operands of `operation`. False: an operation that is not for us.
bool skip_operands(std::uint8_t operation, ByteReader& reader) {
  if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) return true;
  if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
    reader.read_sleb();
    return true;
  }
  switch (operation) {
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_pick:
    case DW_OP_deref_size:
      reader.skip(1);
      return true;
    case DW_OP_const2u:
    case DW_OP_const2s:
      reader.skip(2);
      return true;
    case DW_OP_const4u:
    case DW_OP_const4s:
      reader.skip(4);
      return true;
    case DW_OP_const8u:
    case DW_OP_const8s:
      reader.skip(8);
      return true;
    case DW_OP_constu:
    case DW_OP_plus_uconst:
      reader.read_uleb();
      return true;
    case DW_OP_consts:
    case DW_OP_fbreg:
      reader.read_sleb();
      return true;
    case DW_OP_bregx:
      reader.read_uleb();
      reader.read_sleb();
      return true;
    case DW_OP_deref:
    case DW_OP_dup:
    case DW_OP_drop:
    case DW_OP_over:
    case DW_OP_swap:
    case DW_OP_rot:
    case DW_OP_abs:
    case DW_OP_and:
    case DW_OP_div:
    case DW_OP_minus:
    case DW_OP_mod:
    case DW_OP_mul:
    case DW_OP_neg:
    case DW_OP_not:
    case DW_OP_or:
    case DW_OP_plus:
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra:
    case DW_OP_xor:
    case DW_OP_eq:
    case DW_OP_ge:
    case DW_OP_gt:
    case DW_OP_le:
    case DW_OP_lt:
    case DW_OP_ne:
    case DW_OP_nop:
    case DW_OP_call_frame_cfa:
      return true;
    default:
      return false;
  }
}

}  // namespace

ExpressionResult result_of(std::span<const std::byte> expression) {
  if (expression.empty() || expression.size() > kLongest) return ExpressionResult::unusable;
  ByteReader reader{expression.data(), expression.size()};
  bool is_relative = false;  // an address that nothing is added to is in no frame
  while (!reader.at_end()) {
    const auto operation = reader.read<std::uint8_t>();
    if (operation == DW_OP_stack_value)
      return reader.at_end() ? ExpressionResult::value : ExpressionResult::unusable;
    is_relative |= (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) ||
                   operation == DW_OP_bregx || operation == DW_OP_fbreg ||
                   operation == DW_OP_call_frame_cfa;
    if (!skip_operands(operation, reader) || !reader.ok()) return ExpressionResult::unusable;
  }
  return reader.ok() && is_relative ? ExpressionResult::address : ExpressionResult::unusable;
}

std::vector<ExpressionPiece> pieces_of(std::span<const std::byte> expression) {
  std::vector<ExpressionPiece> found;
  ByteReader reader{expression.data(), expression.size()};
  std::uint64_t offset = 0;
  const std::byte* start = reader.position();
  while (!reader.at_end()) {
    const std::byte* const at = reader.position();
    const auto operation = reader.read<std::uint8_t>();
    if (operation == DW_OP_piece) {
      const std::uint64_t size = reader.read_uleb();
      found.push_back({{start, at}, offset, size});
      offset += size;
      start = reader.position();
    } else if (operation == DW_OP_addr) {
      reader.skip(sizeof(std::uint64_t));
    } else if (operation == DW_OP_addrx || operation == DW_OP_GNU_addr_index ||
               operation == DW_OP_regx) {
      reader.read_uleb();
    } else if (operation == DW_OP_entry_value || operation == DW_OP_GNU_entry_value ||
               operation == DW_OP_implicit_value) {
      reader.skip(reader.read_uleb());
    } else if (operation >= DW_OP_reg0 && operation <= DW_OP_reg31) {
      continue;
    } else if (operation != DW_OP_stack_value && !skip_operands(operation, reader)) {
      return {};
    }
  }
  return reader.ok() ? found : std::vector<ExpressionPiece>{};
}

bool uses_frame_base(std::span<const std::byte> expression) {
  ByteReader reader{expression.data(), expression.size()};
  while (!reader.at_end()) {
    const auto operation = reader.read<std::uint8_t>();
    if (operation == DW_OP_fbreg) return true;
    if (!skip_operands(operation, reader)) return false;
  }
  return false;
}

RegisterSum sum_of_registers(std::span<const std::byte> expression) {
  RegisterSum sum;
  std::int64_t number = 0;
  bool is_one = true;
  ByteReader reader{expression.data(), expression.size()};
  while (!reader.at_end()) {
    const auto operation = reader.read<std::uint8_t>();
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
      is_one = is_one && sum.registers == 0;
      sum.registers |= 1u << (operation - DW_OP_breg0);
      number = reader.read_sleb();
      continue;
    }
    if (operation == DW_OP_stack_value) break;
    if (operation == DW_OP_deref || operation == DW_OP_deref_size) return {};
    if (!skip_operands(operation, reader)) return {};
    is_one = false;
  }
  if (!reader.ok()) return {};
  if (is_one && sum.registers != 0) sum.addend = number;
  return sum;
}

namespace {

constexpr std::uint32_t kNoRegister = ~std::uint32_t{0};

// reg + number + n * step; of step 1 nothing is known.
struct Term {
  std::uint32_t reg = kNoRegister;
  std::int64_t number = 0;
  std::int64_t step = 0;
  bool is_number() const { return reg == kNoRegister && step == 0; }
};

constexpr std::int64_t kMostNumber = std::int64_t{1} << 31;
constexpr Term kAnyNumber{kNoRegister, 0, 1};

Term sum_of(const Term& a, const Term& b) {
  if (a.reg != kNoRegister && b.reg != kNoRegister) return kAnyNumber;
  return {a.reg != kNoRegister ? a.reg : b.reg, a.number + b.number, std::gcd(a.step, b.step)};
}
Term difference_of(const Term& a, const Term& b) {
  if (b.reg != kNoRegister) return kAnyNumber;
  return {a.reg, a.number - b.number, std::gcd(a.step, b.step)};
}
Term product_of(const Term& a, const Term& b) {
  if (!b.is_number()) return a.is_number() ? product_of(b, a) : kAnyNumber;
  const std::int64_t factor = b.number;
  if (a.is_number()) return {kNoRegister, a.number * factor, 0};
  if (a.reg != kNoRegister || factor <= 0) return {kNoRegister, 0, factor > 0 ? factor : 1};
  return {kNoRegister, a.number * factor, a.step * factor};
}

// What an operation without operands makes of the last two.
Term combined(std::uint8_t operation, const Term& a, const Term& b) {
  switch (operation) {
    case DW_OP_plus:
      return sum_of(a, b);
    case DW_OP_minus:
      return difference_of(a, b);
    case DW_OP_mul:
      return product_of(a, b);
    case DW_OP_shl:
      return b.is_number() && b.number >= 0 && b.number < 16
                 ? product_of(a, {kNoRegister, std::int64_t{1} << b.number, 0})
                 : kAnyNumber;
    default:
      return kAnyNumber;
  }
}

std::optional<Term> constant(std::uint8_t operation, ByteReader& reader) {
  if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31)
    return Term{kNoRegister, operation - DW_OP_lit0, 0};
  switch (operation) {
    case DW_OP_const1u:
      return Term{kNoRegister, reader.read<std::uint8_t>(), 0};
    case DW_OP_const1s:
      return Term{kNoRegister, reader.read<std::int8_t>(), 0};
    case DW_OP_const2u:
      return Term{kNoRegister, reader.read<std::uint16_t>(), 0};
    case DW_OP_const2s:
      return Term{kNoRegister, reader.read<std::int16_t>(), 0};
    case DW_OP_constu:
      return Term{kNoRegister, static_cast<std::int64_t>(reader.read_uleb()), 0};
    case DW_OP_consts:
      return Term{kNoRegister, reader.read_sleb(), 0};
    default:
      return std::nullopt;
  }
}

bool is_of_two(std::uint8_t operation) {
  return operation == DW_OP_plus || operation == DW_OP_minus || operation == DW_OP_mul ||
         operation == DW_OP_shl || operation == DW_OP_div || operation == DW_OP_shr ||
         operation == DW_OP_shra || operation == DW_OP_and;
}

bool is_small(const Term& term) {
  return term.number > -kMostNumber && term.number < kMostNumber && term.step >= 0 &&
         term.step < kMostNumber;
}

}  // namespace

std::optional<SteppedAddress> stepped_address(std::span<const std::byte> expression) {
  std::vector<Term> stack;
  ByteReader reader{expression.data(), expression.size()};
  while (!reader.at_end()) {
    const auto operation = reader.read<std::uint8_t>();
    if (operation == DW_OP_stack_value) break;
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
      stack.push_back({operation - std::uint32_t{DW_OP_breg0}, reader.read_sleb(), 0});
    } else if (const auto number = constant(operation, reader)) {
      stack.push_back(*number);
    } else if (operation == DW_OP_plus_uconst && !stack.empty()) {
      const Term more{kNoRegister, static_cast<std::int64_t>(reader.read_uleb()), 0};
      if (!is_small(more)) return std::nullopt;
      stack.back() = sum_of(stack.back(), more);
    } else if (is_of_two(operation) && stack.size() >= 2) {
      const Term last = stack.back();
      stack.pop_back();
      stack.back() = combined(operation, stack.back(), last);
    } else {
      return std::nullopt;
    }
    if (!is_small(stack.back())) return std::nullopt;
  }
  if (!reader.ok() || stack.size() != 1) return std::nullopt;
  const Term& value = stack.front();
  if (value.reg == kNoRegister || value.step < 2) return std::nullopt;
  return SteppedAddress{value.reg, static_cast<std::int32_t>(value.number),
                        static_cast<std::int32_t>(value.step)};
}

ExpressionBytes rebased(std::span<const std::byte> expression, const FrameBase& base) {
  ExpressionBytes out;
  const auto append = [&out](const ExpressionBytes& more) {
    out.insert(out.end(), more.begin(), more.end());
  };
  ByteReader reader{expression.data(), expression.size()};
  while (!reader.at_end()) {
    const std::byte* begin = reader.position();
    const auto operation = reader.read<std::uint8_t>();
    if (operation == DW_OP_stack_value) break;
    if (operation == DW_OP_call_frame_cfa) {
      append(cfa_plus(0));
    } else if (operation == DW_OP_fbreg) {
      const std::int64_t offset = base.offset + reader.read_sleb();
      append(base.is_cfa ? cfa_plus(offset) : register_plus(base.reg, offset));
    } else {
      if (!skip_operands(operation, reader) || !reader.ok()) break;
      out.insert(out.end(), begin, reader.position());
    }
  }
  return out;
}

ExpressionBytes register_plus(std::uint32_t reg, std::int64_t offset) {
  ExpressionBytes out;
  if (reg < 32) {
    out.push_back(std::byte(DW_OP_breg0 + reg));
  } else {
    out.push_back(std::byte{DW_OP_bregx});
    types::append_uleb(out, reg);
  }
  types::append_sleb(out, offset);
  return out;
}

ExpressionBytes cfa_plus(std::int64_t offset) {
  ExpressionBytes out{std::byte{DW_OP_fbreg}};
  types::append_sleb(out, offset);
  return out;
}

void append_dereference(ExpressionBytes& expression, std::uint64_t size) {
  expression.push_back(std::byte{DW_OP_deref_size});
  expression.push_back(std::byte(size));
}

void append_plus(ExpressionBytes& expression, std::int64_t number) {
  if (number == 0) return;
  expression.push_back(std::byte{DW_OP_consts});
  types::append_sleb(expression, number);
  expression.push_back(std::byte{DW_OP_plus});
}

std::uint32_t ExpressionPool::add(const ExpressionBytes& expression) {
  const auto [known, is_new] =
      known_.try_emplace(expression, static_cast<std::uint32_t>(bytes_.size()));
  if (is_new) {
    types::append_uleb(bytes_, expression.size());
    bytes_.insert(bytes_.end(), expression.begin(), expression.end());
  }
  return known->second;
}

ExpressionBytes ExpressionPool::at(std::uint32_t offset) const {
  ByteReader reader{bytes_.data() + offset, bytes_.size() - offset};
  const std::uint64_t size = reader.read_uleb();
  return {reader.position(), reader.position() + size};
}

}  // namespace allocs::meta
