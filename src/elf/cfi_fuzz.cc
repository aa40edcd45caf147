// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "elf/eh_frame.h"

// The input is memory at 0x10000, taken first as .eh_frame_hdr with all that it leads to, then as bare .eh_frame. The
// first two bytes choose the pc. Whatever they say, the answer is a rule or none, and expressions lie inside the input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace allocs;
  if (size < 2) return 0;
  std::uint16_t offset;
  std::memcpy(&offset, bytes, sizeof offset);
  const Address begin{0x10000};
  const auto* input = reinterpret_cast<const std::byte*>(bytes + 2);
  const SpanMemory memory{begin, input, size - 2};
  const AddressRange bounds{begin, begin + (size - 2)};
  const elf::EhFrame with_header{.header = begin, .bounds = bounds};
  const elf::EhFrame without{.records = begin, .bounds = bounds};
  for (const elf::EhFrame& section : {with_header, without}) {
    for (const Address pc : {begin + offset, Address{offset}}) {
      const auto rule = elf::find_unwind_rule(memory, section, pc);
      if (!rule) continue;
      const auto is_inside = [&](const elf::Expression& e) {
        return e.bytes >= input && e.size <= static_cast<std::size_t>(input + (size - 2) - e.bytes);
      };
      if (rule->cfa_is_expression && !is_inside(rule->cfa_expression)) __builtin_trap();
      for (unsigned which = 0; which < elf::kRegisterCount; ++which) {
        const elf::Saved how = rule->how_saved(which);
        const bool has_expression =
            how == elf::Saved::at_expression || how == elf::Saved::is_expression;
        if (has_expression && !is_inside(rule->expression_of(which))) __builtin_trap();
      }
    }
  }
  return 0;
}
