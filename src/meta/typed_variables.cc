// SPDX-License-Identifier: Apache-2.0
#include "meta/typed_variables.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "meta/without_repetition.h"

namespace allocs::meta {

using types::TypeIndex;

TypedVariables::TypedVariables(const types::ObjectModel& model, const OptimisedPointers& optimised,
                               const types::FunctionRecord* function) {
  if (function == nullptr) return;
  add_computed(optimised.in(function->low, function->low + function->length));
  add_pieces(model, *function);
  for (const PointerPart& part :
       optimised.parts_in(function->low, function->low + function->length))
    add_piece(part.where, part.type, model.types[part.type].size, false);
  sort_registers();
}

void TypedVariables::add_computed(std::span<const ComputedPointer> pointers) {
  const auto for_each = [&](auto visit) {
    for (const ComputedPointer& one : pointers) {
      for (std::uint32_t left = one.registers & kAllRegisters; left != 0; left &= left - 1)
        visit(static_cast<std::size_t>(std::countr_zero(left)), one);
    }
  };
  for_each([&](std::size_t r, const ComputedPointer&) { ++first_computed_[r + 1]; });
  for (std::size_t r = 0; r < kRegisterCount; ++r) first_computed_[r + 1] += first_computed_[r];
  computed_.resize(first_computed_[kRegisterCount]);
  auto next = first_computed_;
  for_each([&](std::size_t r, const ComputedPointer& one) { computed_[next[r]++] = &one; });
}

void TypedVariables::add_pieces(const types::ObjectModel& model,
                                const types::FunctionRecord& function) {
  const auto variables = types::variables_of(model, function);
  in_registers_.reserve(2 * variables.size());
  for (const types::VariableRecord& variable : variables) {
    if (variable.type == types::kNoType) continue;
    const bool is_argument = (variable.flags & types::kVariableFormal) != 0 &&
                             (variable.flags & types::kVariableInlined) == 0;
    const std::uint64_t size = model.types[variable.type].size;
    types::for_each_location(model.locations, variable.locations, function.low,
                             [&](const types::LocationPiece& piece) {
                               add_piece(piece, variable.type, size, is_argument);
                             });
  }
}

void TypedVariables::add_piece(const types::LocationPiece& piece, TypeIndex type,
                               std::uint64_t size, bool is_argument) {
  if (piece.kind == types::LocationKind::memory)
    in_frame_.push_back({piece.low, piece.high, piece.value, size, type, is_argument});
  const bool is_in_gpr = piece.kind == types::LocationKind::in_register && piece.value >= 0 &&
                         piece.value < static_cast<std::int64_t>(kRegisterCount);
  if (!is_in_gpr) return;
  in_registers_.push_back({piece.low, piece.high, 0, type,
                           static_cast<std::uint32_t>(in_registers_.size()),
                           static_cast<Register>(piece.value), is_argument});
}

void TypedVariables::sort_registers() {
  for (const InRegister& piece : in_registers_)
    ++first_in_[static_cast<std::size_t>(piece.gpr) + 1];
  for (std::size_t r = 0; r < kRegisterCount; ++r) first_in_[r + 1] += first_in_[r];
  std::vector<InRegister> by_register(in_registers_.size());
  auto next = first_in_;
  for (const InRegister& piece : in_registers_)
    by_register[next[static_cast<std::size_t>(piece.gpr)]++] = piece;
  in_registers_ = std::move(by_register);
  for (std::size_t r = 0; r < kRegisterCount; ++r) {
    const std::span pieces =
        std::span{in_registers_}.subspan(first_in_[r], first_in_[r + 1] - first_in_[r]);
    std::ranges::sort(pieces, [](const InRegister& a, const InRegister& b) {
      return a.low != b.low ? a.low < b.low : a.number < b.number;
    });
    std::uint64_t reach = 0;
    for (InRegister& piece : pieces) piece.reach = reach = std::max(reach, piece.high);
  }
}

std::vector<const TypedVariables::InRegister*> TypedVariables::overlapping(
    Register r, std::uint64_t low, std::uint64_t high) const {
  std::vector<const InRegister*> found;
  if (r == Register::none) return found;
  const auto number = static_cast<std::size_t>(r);
  const auto begin = in_registers_.begin() + first_in_[number];
  const auto end = in_registers_.begin() + first_in_[number + 1];
  auto at = std::ranges::lower_bound(begin, end, high, {}, &InRegister::low);
  while (at != begin && (--at)->reach > low) {
    if (at->high > low) found.push_back(&*at);
  }
  if (found.size() > 1) std::ranges::sort(found, {}, &InRegister::number);
  return found;
}

std::vector<TypeIndex> TypedVariables::in_register(Register r, std::uint64_t low,
                                                   std::uint64_t high) const {
  std::vector<TypeIndex> found;
  for (const InRegister* piece : overlapping(r, low, high)) add_new(found, piece->type);
  return found;
}

std::vector<TypedVariables::Stay> TypedVariables::stays_in_register(Register r, std::uint64_t low,
                                                                    std::uint64_t high) const {
  std::vector<Stay> found;
  for (const InRegister* piece : overlapping(r, low, high))
    found.push_back({piece->type, std::max(low, piece->low), std::min(high, piece->high)});
  return found;
}

std::vector<ComputedPointer> TypedVariables::computed_from(Register r, std::uint64_t low,
                                                           std::uint64_t high) const {
  std::vector<ComputedPointer> found;
  if (r == Register::none) return found;
  const auto number = static_cast<std::size_t>(r);
  const auto end = computed_.begin() + first_computed_[number + 1];
  for (auto one = computed_.begin() + first_computed_[number]; one != end && (*one)->low < high;
       ++one) {
    if ((*one)->high() > low) found.push_back(**one);
  }
  return found;
}

std::vector<TypedPlace> TypedVariables::in_frame(std::int64_t offset, std::uint64_t pc) const {
  std::vector<TypedPlace> found;
  for (const InFrame& piece : in_frame_) {
    if (pc < piece.low || pc >= piece.high || !piece.holds(offset)) continue;
    add_new(found, {piece.type, offset - piece.offset});
  }
  return found;
}

bool TypedVariables::may_be_one_in_frame(std::int64_t low, std::int64_t high) const {
  bool is_known = false;
  for (const InFrame& piece : in_frame_) {
    if (!piece.holds(low)) continue;
    if (piece.holds(high)) return true;
    is_known = true;
  }
  return !is_known;
}

bool TypedVariables::is_argument_in_frame(std::int64_t offset, std::uint64_t pc) const {
  return std::ranges::any_of(in_frame_, [&](const InFrame& piece) {
    return piece.is_argument && piece.offset == offset && pc >= piece.low && pc < piece.high;
  });
}

bool TypedVariables::is_argument_in_register(Register r, std::uint64_t pc) const {
  return std::ranges::any_of(overlapping(r, pc, pc + 1),
                             [](const InRegister* piece) { return piece->is_argument; });
}

}  // namespace allocs::meta
