// SPDX-License-Identifier: Apache-2.0
#include "allocs.h"
#include "base/note_types.h"
#include "base/public_names.h"

// The allocator objects as they are linked into programs.
//
// A program compares addresses: `alloc_get_allocator(p) == &__mmap_allocator`. The address in its code is fixed when it is
// linked, so whoever answers must give out the program's objects, not others of the same names. Linked to liballocs.so, a program
// holds copies that its dynamic symbol table lists. Linked to the archive it holds the objects themselves, and no
// symbol table need tell, so a note does: see preload/allocator_objects.cc.
static_assert(sizeof(allocator) == 8 && sizeof(allocs::kNoteOwner) == 10 &&
              allocs::kAllocatorObjectsNote == 4);

// clang-format off
#define ALLOCS_OBJECT(which, symbol, text)               \
  ".globl " #symbol "\n"                                 \
  ".type " #symbol ", @object\n"                         \
  ".size " #symbol ", 8\n"                               \
  #symbol ": .quad 9f\n"                                 \
  ".pushsection .rodata.str1.1, \"aMS\", @progbits, 1\n" \
  "9: .asciz \"" text "\"\n"                             \
  ".popsection\n"

asm(R"(
  .pushsection .data.rel.local, "aw", @progbits
  .balign 8
allocs_alone_objects:
)"
    ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_OBJECT)
R"(
  .section .note.allocs, "a", @note
  .balign 4
  .long 10
  .long 8
  .long 4
  .asciz "liballocs"
  .balign 4
0:.quad allocs_alone_objects - 0b
  .popsection
)");
// clang-format on
