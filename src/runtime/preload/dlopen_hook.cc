// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <string_view>

#include "base/text.h"
#include "runtime/allocators/deep_binding.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/index/word.h"

// dlopen is jumped to, so that the loader sees who called: it looks for a library where the caller says. On the way its arguments are looked at:
// does a library come that passes our hooks by, or does the program want the C library itself, to ask it for its functions?

using namespace allocs;
using namespace allocs::allocators;

namespace {

using DlopenFunction = void* (*)(const char*, int);
constinit DlopenFunction g_next_dlopen = nullptr;

bool names_c_library(const char* file) {
  const std::string_view path(file == nullptr ? "" : file);
  const std::string_view name = part_of(path, path.rfind('/') + 1);
  return begins_with(name, "libc.so.") || begins_with(name, "libc-2.");
}

}  // namespace

extern "C" {

// Where to jump to.
__attribute__((visibility("hidden"))) DlopenFunction allocs_before_dlopen(const char* file,
                                                                          int mode) {
  DlopenFunction next = index::load_acquire(g_next_dlopen);
  if (next == nullptr) {
    next = reinterpret_cast<DlopenFunction>(next_definition_of("dlopen"));
    index::store_release(g_next_dlopen, next);
  }
  if ((mode & RTLD_DEEPBIND) != 0 || names_c_library(file)) redirect_deep_bindings();
  // Without the library that has it (glibc before 2.34) only a weak reference leads here.
  if (next == nullptr) return [](const char*, int) -> void* { return nullptr; };
  return next;
}

}  // extern "C"

asm(R"(
  .pushsection .text.dlopen, "ax", @progbits
  .p2align 4
  .globl dlopen
  .type dlopen, @function
dlopen:
  .cfi_startproc
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call allocs_before_dlopen
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size dlopen, . - dlopen
  .popsection
)");
