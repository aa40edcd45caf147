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
};

/* Declares the allocation that contains `obj` a sequence, until alloc_demote. The family stays valid as long as the process; it is called
 * from any query about an address in the sequence, with ALLOC_NOWAIT also in signal handlers. Errors: those of alloc_promote;
 * ALLOC_E_INVALID for a family that is NULL or lacks a name or `decode`. */
int alloc_make_sequence(const void *obj, const struct alloc_sequence_family *family);

/* Texts of bytes, each up to its NUL; what follows the last NUL is the last one. Elements are of type char[]. */
const struct alloc_sequence_family *alloc_string_family(void);
/* Characters of UTF-8, a byte that is part of none by itself. Elements are of type char[]. */
const struct alloc_sequence_family *alloc_utf8_family(void);

#ifdef __cplusplus
}
#endif

#endif
