// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "elf/cfi.h"

namespace allocs::runt {

// The registers of one frame, by DWARF number, with a bit for each whose value is known. Above the innermost frame only
// what calls preserve is.
struct Registers {
  std::array<std::uint64_t, elf::kRegisterCount> value;
  std::uint32_t known = 0;

  bool has(unsigned which) const {
    return which < elf::kRegisterCount && (known >> which & 1) != 0;
  }
  std::optional<std::uint64_t> get(unsigned which) const {
    return has(which) ? std::optional{value[which]} : std::nullopt;
  }
  void set(unsigned which, std::uint64_t to) {
    value[which] = to;
    known |= 1u << which;
  }
  void forget(unsigned which) { known &= ~(1u << which); }
  Address pc() const { return Address{value[elf::kRip]}; }
  Address sp() const { return Address{value[elf::kRsp]}; }
};

inline constexpr std::uint32_t kPreservedRegisters = 1u << elf::kRbx | 1u << elf::kRbp |
                                                     1u << elf::kR12 | 1u << elf::kR13 |
                                                     1u << elf::kR14 | 1u << elf::kR15;

// The registers at this very place in the calling function, which must stay on the stack as long as they are used to
// walk it: rip, rsp and what calls preserve. The pc is exact, as in an interrupted frame. 3 ns.
// Context: hook, signal.
[[gnu::always_inline]] inline Registers current_registers() {
  Registers here;
  std::uint64_t scratch;
  asm volatile(
      "movq %%rbx, 24(%[values])\n\t"
      "movq %%rbp, 48(%[values])\n\t"
      "movq %%rsp, 56(%[values])\n\t"
      "movq %%r12, 96(%[values])\n\t"
      "movq %%r13, 104(%[values])\n\t"
      "movq %%r14, 112(%[values])\n\t"
      "movq %%r15, 120(%[values])\n\t"
      "leaq 0(%%rip), %[scratch]\n\t"
      "movq %[scratch], 128(%[values])"
      : [scratch] "=&r"(scratch)
      : [values] "r"(here.value.data())
      : "memory");
  here.known = kPreservedRegisters | 1u << elf::kRsp | 1u << elf::kRip;
  return here;
}
static_assert(offsetof(Registers, value) == 0 && elf::kRbx == 3 && elf::kRbp == 6 &&
              elf::kRsp == 7 && elf::kR12 == 12 && elf::kRip == 16);

}  // namespace allocs::runt
