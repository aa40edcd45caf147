// SPDX-License-Identifier: Apache-2.0
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/export.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/thread_recorder.h"
#include "runtime/preload/start.h"
#include "runtime/self/program_path.h"

// The two ways by which a program installs a seccomp filter, libseccomp's among them. Everything else jumps on.

using allocs::allocators::install_sandbox;
using allocs::allocators::Sandbox;

namespace {

using Word = unsigned long;

// What of a thread and of the executable must be asked of the kernel is asked while that is allowed.
void prepare() {
  if (!allocs::allocators::has_known_loader()) return;
  allocs::allocators::current_thread();
  allocs::self::find_program_path();
}

}  // namespace

extern "C" {

__attribute__((visibility("hidden"))) long allocs_syscall_slowly(long number, Word a, Word b,
                                                                 Word c, Word d, Word e, Word f) {
  const auto call = [=] { return allocs::preload::next_syscall()(number, a, b, c, d, e, f); };
  if (number == SYS_prctl && a == PR_SET_SECCOMP) {
    prepare();
    return install_sandbox(b == SECCOMP_MODE_STRICT ? Sandbox::strict : Sandbox::filter, call);
  }
  if (number == SYS_seccomp && (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER)) {
    prepare();
    return install_sandbox(a == SECCOMP_SET_MODE_STRICT ? Sandbox::strict : Sandbox::filter, call);
  }
  return call();
}

ALLOCS_EXPORT int prctl(int option, ...) {
  __builtin_va_list rest;
  __builtin_va_start(rest, option);
  const Word a = __builtin_va_arg(rest, Word);
  const Word b = __builtin_va_arg(rest, Word);
  const Word c = __builtin_va_arg(rest, Word);
  const Word d = __builtin_va_arg(rest, Word);
  __builtin_va_end(rest);
  const auto call = [=] { return allocs::preload::next_prctl()(option, a, b, c, d); };
  if (option != PR_SET_SECCOMP) return call();
  prepare();
  return install_sandbox(a == SECCOMP_MODE_STRICT ? Sandbox::strict : Sandbox::filter, call);
}

}  // extern "C"

// A jump, so that a call that does not come back the way it went (vfork) finds its stack as it would without us. The C library's
// function is found when it is first needed.
static_assert(SYS_prctl == 157 && SYS_seccomp == 317);
asm(R"(
  .pushsection .text.syscall, "ax", @progbits
  .p2align 4
  .globl syscall
  .type syscall, @function
syscall:
  .cfi_startproc
  cmpq $317, %rdi
  je allocs_syscall_slowly
  cmpq $157, %rdi
  je allocs_syscall_slowly
  movq allocs_next_syscall(%rip), %rax
  testq %rax, %rax
  je allocs_syscall_slowly
  jmp *%rax
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
