// SPDX-License-Identifier: Apache-2.0
#include "runt/expression.h"

#include <utility>

namespace allocs::runt {
namespace {

// DW_OP_*
enum Operation : std::uint8_t {
  kAddr = 0x03,
  kConst1u = 0x08,
  kConst1s,
  kConst2u,
  kConst2s,
  kConst4u,
  kConst4s,
  kConst8u,
  kConst8s,
  kConstu,
  kConsts,
  kDup,
  kDrop,
  kOver,
  kPick,
  kSwap,
  kRot,
  kAbs = 0x19,
  kAnd,
  kDiv,
  kMinus,
  kMod,
  kMul,
  kNeg,
  kNot,
  kOr,
  kPlus,
  kPlusUconst,
  kShl,
  kShr,
  kShra,
  kXor,
  kEq = 0x29,
  kGe,
  kGt,
  kLe,
  kLt,
  kNe,
  kLit0 = 0x30,
  kLit31 = 0x4F,
  kNop = 0x96,
};

std::optional<std::uint64_t> read_constant(std::uint8_t operation, ByteReader& reader) {
  const auto extended = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  if (operation >= kLit0 && operation <= kLit31) return operation - kLit0;
  switch (operation) {
    case kAddr:
    case kConst8u:
    case kConst8s:
      return reader.read<std::uint64_t>();
    case kConst1u:
      return reader.read<std::uint8_t>();
    case kConst1s:
      return extended(reader.read<std::int8_t>());
    case kConst2u:
      return reader.read<std::uint16_t>();
    case kConst2s:
      return extended(reader.read<std::int16_t>());
    case kConst4u:
      return reader.read<std::uint32_t>();
    case kConst4s:
      return extended(reader.read<std::int32_t>());
    case kConstu:
      return reader.read_uleb();
    case kConsts:
      return extended(reader.read_sleb());
    default:
      return std::nullopt;
  }
}

// left `operation` right. Signed where DWARF says so; a division by zero is absent.
std::optional<std::uint64_t> combine(std::uint8_t operation, std::uint64_t left,
                                     std::uint64_t right) {
  const auto a = static_cast<std::int64_t>(left);
  const auto b = static_cast<std::int64_t>(right);
  switch (operation) {
    case kAnd:
      return left & right;
    case kOr:
      return left | right;
    case kXor:
      return left ^ right;
    case kPlus:
      return left + right;
    case kMinus:
      return left - right;
    case kMul:
      return left * right;
    case kDiv:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 - left : static_cast<std::uint64_t>(a / b);
    case kMod:
      if (right == 0) return std::nullopt;
      return left % right;
    case kShl:
      return right < 64 ? left << right : 0;
    case kShr:
      return right < 64 ? left >> right : 0;
    case kShra:
      return static_cast<std::uint64_t>(a >> (right < 64 ? right : 63));
    case kEq:
      return a == b;
    case kGe:
      return a >= b;
    case kGt:
      return a > b;
    case kLe:
      return a <= b;
    case kLt:
      return a < b;
    case kNe:
      return a != b;
    default:
      return std::nullopt;
  }
}

// Operations on the top of the stack in place. False: not one of them, or too little there.
bool change_top(std::uint8_t operation, ByteReader& reader, std::uint64_t* top, unsigned depth) {
  if (depth == 0) return false;
  switch (operation) {
    case kAbs:
      if (static_cast<std::int64_t>(top[0]) < 0) top[0] = 0 - top[0];
      return true;
    case kNeg:
      top[0] = 0 - top[0];
      return true;
    case kNot:
      top[0] = ~top[0];
      return true;
    case kPlusUconst:
      top[0] += reader.read_uleb();
      return true;
    case kSwap:
      if (depth < 2) return false;
      std::swap(top[0], top[-1]);
      return true;
    case kRot: {  // the top goes below the next two
      if (depth < 3) return false;
      const std::uint64_t first = top[0];
      top[0] = top[-1];
      top[-1] = top[-2];
      top[-2] = first;
      return true;
    }
    default:
      return false;
  }
}

// How far below the top lies what `operation` copies to the top.
std::optional<unsigned> copied_from(std::uint8_t operation, ByteReader& reader) {
  switch (operation) {
    case kDup:
      return 0;
    case kOver:
      return 1;
    case kPick:
      return reader.read<std::uint8_t>();
    default:
      return std::nullopt;
  }
}

}  // namespace

bool evaluate_pure(std::uint8_t operation, ByteReader& reader, std::uint64_t* stack,
                   unsigned& depth) {
  if (operation == kNop) return true;
  const auto push = [&](std::uint64_t value) {
    if (depth == kExpressionDepth) return false;
    stack[depth++] = value;
    return true;
  };
  if (const auto constant = read_constant(operation, reader)) return push(*constant);
  if (const auto below = copied_from(operation, reader)) {
    return *below < depth && push(stack[depth - 1 - *below]);
  }
  if (operation == kDrop) return depth != 0 && depth-- != 0;
  if (depth >= 2) {
    if (const auto value = combine(operation, stack[depth - 2], stack[depth - 1])) {
      stack[--depth - 1] = *value;
      return true;
    }
  }
  return depth != 0 && change_top(operation, reader, &stack[depth - 1], depth);
}

}  // namespace allocs::runt
