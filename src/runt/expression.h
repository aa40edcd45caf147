// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_reader.h"
#include "base/memory.h"
#include "elf/cfi.h"
#include "runt/registers.h"

// The DWARF expressions that occur in call frame information (DWARF 5 section 2.5), for example the one that tells
// whether a procedure linkage stub has pushed its index yet: rsp + 8 + ((rip & 15) >= 11) * 8.
// Everything straight-line is here; branches and calls are not: no producer uses them there, and without them an expression
// ends after as many steps as it has bytes.
namespace allocs::runt {

inline constexpr unsigned kExpressionDepth = 32;

// One operation that needs neither memory nor registers, on `stack[0, depth)`. False: unknown, damaged, or too deep.
// Context: signal.
bool evaluate_pure(std::uint8_t operation, ByteReader& reader, std::uint64_t* stack,
                   unsigned& depth);

// The value of `expression`; `cfa`, if there is one, is on the stack at the start. `frame_base` is what DW_OP_fbreg counts from.
// Absent when a register or memory that it needs is unknown, and for what it does not understand.
// Context: as the memory's view().
template <Memory M>
std::optional<std::uint64_t> evaluate(const M& memory, elf::Expression expression,
                                      const Registers& registers, std::optional<std::uint64_t> cfa,
                                      std::optional<std::uint64_t> frame_base = std::nullopt) {
  constexpr std::uint8_t kDeref = 0x06, kBreg0 = 0x70, kBreg31 = 0x8F, kFbreg = 0x91, kBregx = 0x92,
                         kDerefSize = 0x94;
  std::uint64_t stack[kExpressionDepth];
  unsigned depth = 0;
  if (cfa) stack[depth++] = *cfa;
  ByteReader reader{expression.bytes, expression.size};
  while (!reader.at_end()) {
    const auto operation = reader.read<std::uint8_t>();
    if ((operation >= kBreg0 && operation <= kBreg31) || operation == kBregx) {
      const std::uint64_t which = operation == kBregx ? reader.read_uleb() : operation - kBreg0;
      const auto offset = static_cast<std::uint64_t>(reader.read_sleb());
      if (which >= elf::kRegisterCount || !registers.has(static_cast<unsigned>(which)) ||
          depth == kExpressionDepth) {
        return std::nullopt;
      }
      stack[depth++] = registers.value[which] + offset;
    } else if (operation == kFbreg) {
      const auto offset = static_cast<std::uint64_t>(reader.read_sleb());
      if (!frame_base || depth == kExpressionDepth) return std::nullopt;
      stack[depth++] = *frame_base + offset;
    } else if (operation == kDeref || operation == kDerefSize) {
      const std::size_t size = operation == kDeref ? 8 : reader.read<std::uint8_t>();
      if (depth == 0 || size == 0 || size > 8) return std::nullopt;
      const std::byte* bytes = memory.view(Address{stack[depth - 1]}, size);
      if (bytes == nullptr) return std::nullopt;
      std::uint64_t value = 0;
      __builtin_memcpy(&value, bytes, size);
      stack[depth - 1] = value;
    } else if (!evaluate_pure(operation, reader, stack, depth)) {
      return std::nullopt;
    }
    if (!reader.ok()) return std::nullopt;
  }
  if (depth == 0) return std::nullopt;
  return stack[depth - 1];
}

}  // namespace allocs::runt
