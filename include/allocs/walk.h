/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_WALK_H
#define ALLOCS_WALK_H

#include "../allocs.h"

/* Walks over more than one allocation. Visitors are called for each thing; what they are given is valid during the call. 0 goes on,
 * ALLOC_WALK_PRUNE leaves out what is below, anything else ends the walk and is what it returns. Visitors may allocate, free and ask; things
 * that come and go meanwhile may be missed, and each that is told was there at some moment.
 *
 * All of these wait like the plain getters, and are not for signal handlers, unless a comment says otherwise. Errors are negative enum
 * alloc_error: ALLOC_E_INVALID for a NULL visitor or unknown flags, ALLOC_E_NOT_YET where the kernel must not be asked (a seccomp
 * sandbox), ALLOC_E_NO_MEMORY. */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_walk_result { ALLOC_WALK_ON = 0, ALLOC_WALK_PRUNE = 0x50525545 };

enum alloc_walk_flag {
  ALLOC_WALK_SUBOBJECTS = 2 /* members and elements too, of typed allocations that nothing else lies in */
};

/* ---- the tree ---- */

/* A member or an element, or the object itself that they are in. */
struct alloc_subobject {
  const void *base;
  size_t size; /* bytes; of a bit-field: of its storage unit */
  struct uniqtype *type;
  const char *name;  /* of a member; NULL for an element */
  uint64_t index;    /* of the member or element */
  unsigned depth;    /* 1: directly in the allocation */
  unsigned bit_size; /* of a bit-field; 0 otherwise */
  unsigned bit_offset; /* its lowest bit, counted from the lowest of the storage unit */
  uint64_t reserved[2];
};

struct alloc_step {
  const struct alloc_step *above;          /* what this lies in; NULL for where the walk began */
  struct alloc_info allocation;
  const struct alloc_subobject *subobject; /* in that allocation; NULL: the allocation itself */
  unsigned depth;                          /* 0: where the walk began */
};
typedef int alloc_visit_step(const struct alloc_step *step, void *context);

/* Depth first, each before what is in it: the allocation `from` (NULL: the root, which is not told itself) and everything below.
 * Returns 0, what ended the walk, or an error. */
int alloc_walk_tree(const struct alloc_info *from, unsigned flags, alloc_visit_step *visit, void *context);

typedef int alloc_visit_subobject(const struct alloc_subobject *subobject, void *context);

/* Every subobject that covers the byte at `obj`, outer ones before inner ones: of unions and of overlapping slots of a frame all that do.
 * `bit` 0 to 7 asks for that bit of the byte only, so that of bit-fields in one byte it is the one that has it; -1 for the whole byte.
 * Returns 0, what ended the walk, or why the allocation or its type is not known. With ALLOC_NOWAIT: async-signal-safe. */
int alloc_walk_covering(const void *obj, int bit, unsigned flags, alloc_visit_subobject *visit, void *context);

/* Every block of malloc that is a `type`, or an array of it. As alloc_walk_blocks, with its flags and errors. */
int alloc_walk_blocks_of_type(const struct uniqtype *type, unsigned flags, alloc_visit_block *visit, void *context);

/* ---- the object graph ---- */

/* Every word of memory that points into the allocation that contains `obj`: mappings are read word by word, except the run time's own.
 * `type` of the reference is that of the pointer, where the type of what it lies in tells one; NULL where it is not known, which
 * may be a number that looks like an address, or what a call has left on a stack. Words that a type of grade strong or better tells to be something else are left
 * out, but not what lies in arrays of bytes, or where the type has no member. Words are those at multiples of eight.
 * Returns 0, what ended the walk, or an error. Costs a read of all memory that is or was writable. flags must be 0. */
int alloc_walk_referrers(const void *obj, unsigned flags, alloc_visit_reference *visit, void *context);

/* A block of malloc that is reachable from a root. */
struct alloc_reached {
  struct alloc_info block;
  const void *at;     /* where the pointer is by which it was reached first; NULL: in a register of the caller */
  uint64_t distance;  /* 1: a root points to it */
  uint64_t reserved[2];
};
typedef int alloc_visit_reached(const struct alloc_reached *reached, void *context);

/* Breadth first: the blocks that roots point to, then those that these point to, and so on, each once. Roots are the static variables of
 * all loaded objects, the thread-locals and stacks of all threads, and the caller's preserved registers; they are read word by word. Of a
 * block whose type is known its pointers count; of others, and where there are arrays of bytes, which may hold anything, every word.
 * ALLOC_WALK_PRUNE does not follow the block's pointers.
 * flags must be 0. */
int alloc_walk_graph(unsigned flags, alloc_visit_reached *visit, void *context);

/* The shortest chain of pointers from a root to the block of malloc that contains `obj`: writes at most `capacity` of its steps, that in
 * the root first, and returns how many there are. ALLOC_E_NOTHING_THERE: no root leads there. ALLOC_E_NO_SUCH_OPERATION: obj is in no
 * block of malloc. flags must be 0. */
int alloc_find_route(const void *obj, unsigned flags, struct alloc_reference *steps, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
