// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

// DWARF expressions on their way from the debug information into an image.
namespace allocs::meta {

using ExpressionBytes = std::vector<std::byte>;

enum class ExpressionResult : std::uint8_t { unusable, address, value };

// What the expression gives, if it is made of operations that runt/expression.h can evaluate in a frame. DW_OP_stack_value
// makes it a value.
ExpressionResult result_of(std::span<const std::byte> expression);

// Does it count from the frame base anywhere?
bool uses_frame_base(std::span<const std::byte> expression);

// The same expression without DW_OP_stack_value, and with each DW_OP_fbreg n replaced: by DW_OP_fbreg n + offset, or by DW_OP_breg<reg>
// n + offset. DW_OP_call_frame_cfa becomes DW_OP_fbreg 0. `expression` is one that result_of() finds usable.
struct FrameBase {
  bool is_cfa = true;
  std::uint32_t reg = 0;
  std::int64_t offset = 0;
};
ExpressionBytes rebased(std::span<const std::byte> expression, const FrameBase& base);

// The registers that take part in a value. Nothing if memory does, too.
struct RegisterSum {
  std::uint32_t registers = 0;         // bit r
  std::optional<std::int64_t> addend;  // if the value is one register and this number
};
RegisterSum sum_of_registers(std::span<const std::byte> expression);

// A register, and `first`, and some multiple of `step`: what a loop that counts is left of a pointer that walks.
struct SteppedAddress {
  std::uint32_t reg = 0;
  std::int32_t first = 0;
  std::int32_t step = 0;  // 2 and more
};
// Nothing if the value is not so made, as far as it is understood.
std::optional<SteppedAddress> stepped_address(std::span<const std::byte> expression);

// What a composite expression says of one piece of a variable.
struct ExpressionPiece {
  std::span<const std::byte> expression;  // empty: the piece is nowhere
  std::uint64_t offset = 0;               // bytes from the start of the variable
  std::uint64_t size = 0;                 // bytes
};
// All pieces of an expression with DW_OP_piece; none if it has operations that are not for us.
std::vector<ExpressionPiece> pieces_of(std::span<const std::byte> expression);

// Expressions made of one operation.
ExpressionBytes register_plus(std::uint32_t reg, std::int64_t offset);
ExpressionBytes cfa_plus(std::int64_t offset);
void append_dereference(ExpressionBytes& expression, std::uint64_t size);  // 1 to 8 bytes
void append_plus(ExpressionBytes& expression, std::int64_t number);

// Each distinct expression once, as an image holds it: its size, then its bytes.
class ExpressionPool {
 public:
  // Where it lies in bytes().
  std::uint32_t add(const ExpressionBytes& expression);
  ExpressionBytes at(std::uint32_t offset) const;
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::map<ExpressionBytes, std::uint32_t> known_;
};

}  // namespace allocs::meta
