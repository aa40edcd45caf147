// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/memory.h"
#include "runt/expression.h"
#include "runt/registers.h"
#include "runtime/query/answer.h"
#include "runtime/query/location_list.h"
#include "types/image.h"

// Variables whose place or size only the running frame tells: variable-length arrays, and what optimised code reaches through a
// register.
//
//   void f(int n, int m) { double b[n][m]; ... }        gcc -O0        the frame, n = 3, m = 4
//     b        at (fbreg -120; deref)                     CFA-120:  address of b       = 0x7ffc4a0
//     counts   (fbreg -112; deref; plus_uconst 1)         CFA-112:  2                  -> 3 rows
//              (fbreg -104; deref; plus_uconst 1)         CFA-104:  3                  -> 4 doubles a row: 32 bytes, 96 in all
//
// The compiler says where the slots are, never whether they have been written yet. So whatever they lead to is checked: a variable lies
// wholly in its frame, between the stack pointer and the canonical frame address; an array of run-time length moreover below all
// variables of fixed place, since it was carved off the stack after them. Before the array is allocated the stack pointer is
// above the place that an older activation left in the slot. Of two candidates that overlap, the one inside the other is another name for a
// part of it; if neither is inside the other, neither is believed.
namespace allocs::query {

// A frame whose registers are known, as far as they can be.
template <Memory M>
struct Activation {
  const M& memory;
  const runt::Registers& registers;
  AddressRange range{};        // up to the canonical frame address
  Address lowest_fixed{};      // where the variables of fixed place begin
  Address end_of_arguments{};  // those on the stack lie above the canonical frame address
};

struct ComputedVariable {
  const types::VariableRecord* variable = nullptr;
  AddressRange range{};
  RowSizes rows{};
};

// What the frame itself may be read for: its own bytes and the arguments that it got on the stack.
template <Memory M>
class FrameMemory {
 public:
  explicit FrameMemory(const Activation<M>& activation) : activation_(activation) {}
  const std::byte* view(Address at, std::size_t size) const {
    if (at < activation_.range.begin || at >= activation_.end_of_arguments) return nullptr;
    if (size > activation_.end_of_arguments - at) return nullptr;
    return activation_.memory.view(at, size);
  }

 private:
  const Activation<M>& activation_;
};

template <Memory M>
std::optional<std::uint64_t> evaluate_in(const Activation<M>& activation, const types::Image& image,
                                         const LocationEntry& entry) {
  const elf::Expression expression = expression_of(image, entry);
  if (expression.size == 0) return std::nullopt;
  return runt::evaluate(FrameMemory<M>(activation), expression, activation.registers, std::nullopt,
                        raw(activation.range.end));
}

// The size of a variable of type `index`, whose counts of run-time length are read from the lists at `reader`, and the sizes of its rows.
template <Memory M>
std::optional<std::uint64_t> sized_by_counts(const Activation<M>& activation,
                                             const types::Image& image, std::uint64_t function_low,
                                             std::uint64_t pc, types::TypeIndex index,
                                             ByteReader& reader, RowSizes& rows) {
  std::uint64_t counts[RowSizes::kMost] = {};
  if (!reader.ok() || !is_next_sound(image, reader)) return std::nullopt;
  std::uint64_t lists = reader.read_uleb();
  const types::TypeRecord* type = image.type(index);
  for (; type != nullptr && type->kind == types::Kind::array && type->size == types::kUnknownSize;
       type = image.type(type->target)) {
    if (rows.count == RowSizes::kMost) return std::nullopt;
    std::uint64_t count = type->count;
    if (count == types::kUnbounded) {
      if (lists-- == 0) return std::nullopt;
      read_location_list(image, reader, function_low, [&](const LocationEntry& entry) {
        if (!entry.covers(pc) || entry.kind != types::LocationKind::value) return;
        if (const auto told = evaluate_in(activation, image, entry)) count = *told;
      });
    }
    if (count == types::kUnbounded || !reader.ok()) return std::nullopt;
    counts[rows.count++] = count;
  }
  if (type == nullptr || type->size == types::kUnknownSize || lists != 0) return std::nullopt;
  std::uint64_t size = type->size;
  for (unsigned level = rows.count; level > 0; --level) {
    if (size > 0xFFFFFFFF) return std::nullopt;  // larger than any frame
    rows.bytes[level - 1] = static_cast<std::uint32_t>(size);
    if (__builtin_mul_overflow(size, counts[level - 1], &size)) return std::nullopt;
  }
  return size;
}

// Where the variable begins whose list is at `reader`, by the entry that covers `pc` and is wanted. The reader moves past the list.
template <Memory M, typename IsWanted>
std::optional<std::uint64_t> begin_of(const Activation<M>& activation, const types::Image& image,
                                      const types::FunctionRecord& function, std::uint64_t pc,
                                      ByteReader& reader, IsWanted&& is_wanted) {
  std::optional<std::uint64_t> begin;
  read_location_list(image, reader, function.low, [&](const LocationEntry& entry) {
    if (!entry.covers(pc) || !is_wanted(entry)) return;
    const auto& registers = activation.registers;
    const auto offset = static_cast<std::uint64_t>(entry.value);
    switch (entry.kind) {
      case types::LocationKind::computed:
        begin = evaluate_in(activation, image, entry);
        break;
      case types::LocationKind::memory:
        begin = raw(activation.range.end) + offset;
        break;
      case types::LocationKind::memory_at_sp:
        begin = raw(registers.sp()) + offset;
        break;
      case types::LocationKind::memory_at_fp:
        if (registers.has(elf::kRbp)) begin = registers.value[elf::kRbp] + offset;
        break;
      default:
        break;
    }
  });
  return begin;
}

// Where `variable` is at `pc`, if that is to be found in the activation and makes sense.
template <Memory M>
std::optional<ComputedVariable> place_in(const Activation<M>& activation, const types::Image& image,
                                         const types::FunctionRecord& function, std::uint64_t pc,
                                         const types::VariableRecord& variable) {
  ByteReader reader = reader_of_locations(image, variable);
  const std::optional<std::uint64_t> begin =
      begin_of(activation, image, function, pc, reader,
               [&](const LocationEntry& entry) { return is_found_at_run_time(variable, entry); });
  if (!begin || !reader.ok()) return std::nullopt;
  ComputedVariable found{.variable = &variable};
  std::optional<std::uint64_t> size;
  const bool is_sized = (variable.flags & types::kVariableSized) != 0;
  if (is_sized) {
    size = sized_by_counts(activation, image, function.low, pc, variable.type, reader, found.rows);
  } else if (const types::TypeRecord* type = image.type(variable.type)) {
    size = type->size;
  }
  const Address end = is_sized ? activation.lowest_fixed : activation.range.end;
  const Address at{*begin};
  if (!size || *size == 0 || at < activation.range.begin || at >= end || *size > end - at)
    return std::nullopt;
  found.range = {at, at + *size};
  return found;
}

// The variable of `function` that contains `at`, while the function is at `pc` (a link address). Context: signal, if the memory's view() is.
template <Memory M>
std::optional<ComputedVariable> computed_variable_at(const Activation<M>& activation,
                                                     const types::Image& image,
                                                     const types::FunctionRecord& function,
                                                     std::uint64_t pc, Address at) {
  std::optional<ComputedVariable> best;
  const auto is_inside = [](AddressRange inner, AddressRange outer) {
    return inner.begin >= outer.begin && inner.end <= outer.end;
  };
  for (const types::VariableRecord& variable : variables_of(image, function)) {
    const auto found = place_in(activation, image, function, pc, variable);
    if (!found || !found->range.contains(at)) continue;
    if (!best) {
      best = found;
    } else if (!is_inside(found->range, best->range)) {
      if (!is_inside(best->range, found->range)) return std::nullopt;
      best = found;
    }
  }
  return best;
}

}  // namespace allocs::query
