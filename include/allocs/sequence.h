/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_SEQUENCE_H
#define ALLOCS_SEQUENCE_H

#include "allocator.h"

/* Packed sequences: memory that holds elements of variable length one behind the other, which only decoding in order tells apart: texts that
 * end in a NUL, characters of UTF-8, notes, instructions. A *family* says how to decode one. An allocation that is declared a sequence has
 * its elements as children, each an allocation of its own: base, size, type, parent, and all that goes for others. */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_notes_order {
  ALLOC_NOTES_BIG_ENDIAN = 0x100 /* with an alignment: notes of a file whose numbers have the most significant byte first */
};

enum alloc_sequence_flag {
  /* The bytes stay as they are until alloc_demote: where elements begin is remembered once it was found (a byte for every 128), and not looked for
   * again. For families without `sync`, over memory that is not written to. */
  ALLOC_SEQUENCE_CONSTANT = 1
};

struct alloc_sequence_family {
  size_t size;      /* sizeof(struct alloc_sequence_family) */
  const char *name; /* of the allocator that elements show */
  void *context;
  /* The element that begins at `at`, of which `left` bytes are there: its size, at least 1 and at most `left`, and its type if it is known (*type is
   * NULL before the call). 0, or a negative enum alloc_error where the sequence ends. Required. */
  int (*decode)(void *context, const void *at, size_t left, size_t *size, struct uniqtype **type);
  /* A place at or below `at` and at or above `begin`, where an element begins. NULL: decoding starts at the beginning, so that each
   * question costs as much as there is before. */
  const void *(*sync)(void *context, const void *begin, const void *at);
  unsigned flags; /* enum alloc_sequence_flag */
};

/* Declares the allocation that contains `obj` a sequence, until alloc_demote. The family stays valid as long as the process; it is called
 * from any query about an address in the sequence, with ALLOC_NOWAIT also in signal handlers. It must return: while somebody is in one of its functions, or has left it
 * by longjmp (as a handler of SIGBUS may, if the file behind the sequence was shortened), nothing that changes the size of any sequence succeeds. Errors: those of alloc_promote;
 * ALLOC_E_INVALID for a family that is NULL, lacks a name or `decode`, or has flags that are not known. */
int alloc_make_sequence(const void *obj, const struct alloc_sequence_family *family);

/* Texts of bytes, each up to its NUL; what follows the last NUL is the last one. Elements are of type char[]. */
const struct alloc_sequence_family *alloc_string_family(void);
/* Characters of UTF-8, a byte that is part of none by itself. Elements are of type char[]. */
const struct alloc_sequence_family *alloc_utf8_family(void);
/* Notes of ELF (a header, a name, a description, each padded to `alignment`, which is 4 or 8: that of the section or segment). Elements are of type
 * `struct elf_note { Elf64_Word n_namesz, n_descsz, n_type; unsigned char n_contents[]; }`. The sequence ends at a note that
 * is not whole. NULL for another alignment. With ALLOC_NOTES_BIG_ENDIAN added, the numbers are big-endian, and so is the type: `struct big_endian_elf_note`. */
const struct alloc_sequence_family *alloc_note_family(size_t alignment);
/* Instructions of x86-64, each of type unsigned char[]. A byte that begins none is an element by itself, without a type: data between functions makes
 * such, and instructions that nobody wrote, until a few bytes later. What processors leave undefined may be told as an instruction.
 * ALLOC_SEQUENCE_CONSTANT: code that is changed is to be declared anew. */
const struct alloc_sequence_family *alloc_x86_family(void);

/* ---- the base level of sequences: an element is put in, taken out, or replaced, and what is behind it moves ----
 *
 * The allocation that holds the sequence grows and shrinks with it: a block of malloc, in place as far as it has room and else, with ALLOC_MAY_MOVE, elsewhere;
 * a file that is mapped shared and writable up to its end, as alloc_insert has it. In other allocations an element can only be replaced by one of its
 * size: otherwise what alloc_resize would say there, and in a part of an ELF file ALLOC_E_NO_SUCH_OPERATION.
 *
 * `obj` is any address in the element. Elements before and behind must remain what they are: ALLOC_E_INVALID if the bytes are not exactly one
 * element there (a text without NUL before another one). Other errors: ALLOC_E_NO_SUCH_OPERATION: `obj` is in no element of a sequence, or in one
 * that is declared constant; ALLOC_E_NO_ROOM: it would have to move, and may not; ALLOC_E_REFUSED: the memory cannot be written to; those of alloc_query and
 * alloc_insert. On failure nothing has changed. Not atomic: who reads the sequence meanwhile sees it half done, and queries about it answer ALLOC_E_BEING_RESIZED when its size changes. Edits of several
 * threads take turns, of whatever sequences and files (ALLOC_E_NOT_YET after two seconds for others' edits, and two more each for those who declare sequences and for queries that decode one); an address in what another thread edits is one that may be gone when the turn comes. Not for signal handlers. */

/* Puts `size` bytes as an element before the one that contains `obj`, or with ALLOC_BEHIND behind it; *inserted is where it is. */
int alloc_insert_element(const void *obj, const void *bytes, size_t size, unsigned flags, void **inserted);

/* Takes the element out; *remaining is where what followed it is now. flags must be 0. ALLOC_E_INVALID for the only element of a block: free that. */
int alloc_remove_element(const void *obj, unsigned flags, void **remaining);

/* Puts `size` bytes in place of the element, as one; *replaced is where it is. */
int alloc_replace_element(const void *obj, const void *bytes, size_t size, unsigned flags, void **replaced);

#ifdef __cplusplus
}
#endif

#endif
