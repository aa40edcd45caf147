// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <string_view>

#include "base/text.h"
#include "runtime/allocators/deep_binding.h"
#include "runtime/allocators/malloc_family.h"

// dlopen is jumped to, so that the loader sees who called: it looks for a library where the caller says. On the way its arguments are looked at:
// does a library come that passes our hooks by, or does the program want the C library itself, to ask it for its functions?

using namespace allocs;
using namespace allocs::allocators;

namespace {

using DlopenFunction = void* (*)(const char*, int);
constinit DlopenFunction g_next_dlopen = nullptr;

bool is_c_library(const char* file) {
  const std::string_view path(file == nullptr ? "" : file);
  return begins_with(part_of(path, path.rfind('/') + 1), "libc.so.");
}

}  // namespace

extern "C" {

// Where to jump to.
__attribute__((visibility("hidden"))) DlopenFunction allocs_before_dlopen(const char* file,
                                                                          int mode) {
  if (g_next_dlopen == nullptr)
    g_next_dlopen = reinterpret_cast<DlopenFunction>(next_definition_of("dlopen"));
  if ((mode & RTLD_DEEPBIND) != 0 || is_c_library(file)) redirect_deep_bindings();
  // Without the library that has it (glibc before 2.34) only a weak reference leads here.
  if (g_next_dlopen == nullptr) return [](const char*, int) -> void* { return nullptr; };
  return g_next_dlopen;
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
