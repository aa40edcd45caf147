// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/thread_state.h"

namespace allocs::runt::remote {

Registers registers_of(const user_regs_struct& user) {
  Registers registers{};
  registers.set(elf::kRax, user.rax);
  registers.set(elf::kRdx, user.rdx);
  registers.set(elf::kRcx, user.rcx);
  registers.set(elf::kRbx, user.rbx);
  registers.set(elf::kRsi, user.rsi);
  registers.set(elf::kRdi, user.rdi);
  registers.set(elf::kRbp, user.rbp);
  registers.set(elf::kRsp, user.rsp);
  registers.set(elf::kR8, user.r8);
  registers.set(elf::kR9, user.r9);
  registers.set(elf::kR10, user.r10);
  registers.set(elf::kR11, user.r11);
  registers.set(elf::kR12, user.r12);
  registers.set(elf::kR13, user.r13);
  registers.set(elf::kR14, user.r14);
  registers.set(elf::kR15, user.r15);
  registers.set(elf::kRip, user.rip);
  return registers;
}

}  // namespace allocs::runt::remote
