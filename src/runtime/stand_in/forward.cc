// SPDX-License-Identifier: Apache-2.0
#include "runtime/stand_in/alone.h"

// The public functions as they are linked into programs: liballocs.so has them, and liballocs_link.a.
//
// Each jumps to the preload library's function of that name, if the process has that library, and otherwise to what is
// answered alone. It jumps, because a getter takes its caller's frame and return address from where they are at entry:
// r11 alone is touched, which no caller expects to keep.
//
//     alloc_get_type:  mov  __allocs_1_alloc_get_type@GOTPCREL(%rip), %r11
//                      test %r11, %r11
//                      je   allocs_alone_alloc_get_type
//                      jmp  *%r11
//
// The reference to the second name is weak and goes through the global offset table. So the dynamic linker fills it in when it
// loads the program, the linker writes 0 in a static one, and nothing is NEEDED. A reference to the first name would find this
// very definition again. (The linkers may turn the load into an immediate 0, so nothing else may be done with the GOT entry.)
#define ALLOCS_FORWARD(name) \
  asm(".pushsection .text." #name                                        \
      ",\"ax\",@progbits\n"                                              \
      ".p2align 4\n"                                                     \
      ".globl " #name                                                    \
      "\n"                                                               \
      ".type " #name                                                     \
      ", @function\n"                                                    \
      ".weak " ALLOCS_SECOND_NAME_TEXT(name) "\n"                        \
      #name ":\n"                                                        \
      ".cfi_startproc\n"                                                 \
      "endbr64\n"                                                        \
      "movq " ALLOCS_SECOND_NAME_TEXT(name) "@GOTPCREL(%rip), %r11\n"    \
      "testq %r11, %r11\n"                                               \
      "je " ALLOCS_ALONE_TEXT(name) "\n"                                 \
      "jmp *%r11\n"                                                      \
      ".cfi_endproc\n"                                                   \
      ".size " #name ", . - " #name                                      \
      "\n"                                                               \
      ".popsection");
ALLOCS_API_FUNCTIONS(ALLOCS_FORWARD)
