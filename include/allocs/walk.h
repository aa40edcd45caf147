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

/* A member or an element, or the object itself that they are in.
 *
 * A base class of a C++ object ends where the next part begins, in its padding at the end if it is so, and an empty one has no bytes. Its virtual bases are not in
 * it but in the whole object, each once, where the tables tell that the object points to. They are told if these are the ones of just that class: not while the object is
 * being made, nor when it is gone, nor where the program's memory must not be read (ALLOC_NOWAIT, a seccomp sandbox). */
struct alloc_subobject {
  const void *base;
  size_t size; /* bytes; of a bit-field: of its storage unit; of a base class: see above */
  struct uniqtype *type;
  const char *name;  /* of a member; NULL for an element */
  uint64_t index;    /* of the member or element; of a virtual base that only base classes have: as many as there are members, or more */
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

/* What lies directly in an object of that type and of `size` bytes at `obj`, by index: members, elements, base classes, and the virtual bases of these, each
 * once (see alloc_subobject). The object is whole: no base class of something. It need not lie in an allocation of that type.
 * Returns 0, what ended the walk, or ALLOC_E_INVALID for a NULL. With ALLOC_NOWAIT: async-signal-safe. */
int alloc_walk_parts(const void *obj, const struct uniqtype *type, size_t size, unsigned flags, alloc_visit_subobject *visit,
                     void *context);

/* Every block of malloc that is a `type`, or an array of it. As alloc_walk_blocks, with its flags and errors. */
int alloc_walk_blocks_of_type(const struct uniqtype *type, unsigned flags, alloc_visit_block *visit, void *context);

/* ---- the object graph ----
 *
 * A reference is a pointer that holds an address in an allocation (not that of its end), or what may be one:
 * - eight bytes at a multiple of eight that hold such an address, unless a type of grade strong or better tells that something else begins there. So these count too: what lies in memory without a
 *   type, in arrays of bytes, and where a type has no member (what follows a header, padding, virtual bases of an object that is being made), and any number in something whose type is a guess or comes from the object itself
 *   (ALLOC_EV_VIRTUAL_TABLE). Some are numbers that look like an address, or what a call has left on a stack;
 * - eight bytes anywhere else, as in packed structures, if a type, of whatever grade, tells that a pointer begins there. Nothing else at such addresses counts: not what has no type, nor what lies in
 *   arrays of bytes.
 * Return addresses do not count, nor do saved registers that are known to hold something else. Not seen: addresses that are not stored as they are (compressed, xor-ed, in the upper bits of something
 * else), and memory that cannot be read. */

/* Every reference into the allocation that contains `obj`, by address, in memory that is or was writable: static variables, stacks, blocks, mappings of all kinds, but not the run time's own; nor in registers.
 * `type` of the reference is that of the pointer, where the type of what it lies in tells one; else NULL.
 * Returns 0, what ended the walk, or an error. Costs a read of all that memory, but for pages of plain memory that were never written to. flags must be 0. */
int alloc_walk_referrers(const void *obj, unsigned flags, alloc_visit_reference *visit, void *context);

/* A block of malloc that is reachable from a root; or a mapping whose type the program has stated (alloc_new, alloc_set_type). */
struct alloc_reached {
  struct alloc_info block;
  const void *at;     /* where the pointer is by which it was reached first; NULL: in a register of the caller */
  uint64_t distance;  /* 1: a root points to it */
  uint64_t reserved[2];
};
typedef int alloc_visit_reached(const struct alloc_reached *reached, void *context);

/* Breadth first: the blocks and mappings that roots refer to, then those that these refer to, and so on, each once. Roots are the static variables of
 * all loaded objects but the run time's own, the thread-locals and stacks of all threads, and the caller's preserved registers; in them every word at a multiple of eight counts, whatever its type. Mappings whose
 * type nobody has stated are neither roots nor reached, nor are pieces and other allocations that lie in blocks: these are reached as the block.
 * ALLOC_WALK_PRUNE does not follow its references.
 * flags must be 0. */
int alloc_walk_graph(unsigned flags, alloc_visit_reached *visit, void *context);

/* The shortest chain of references from a root to the block of malloc, or mapping with a stated type, that contains `obj`: writes at most `capacity` of its steps, that in
 * the root first, and returns how many there are. `target` of each is where that block or mapping begins. ALLOC_E_NOTHING_THERE: no root leads there. ALLOC_E_NO_SUCH_OPERATION: obj is in none such. flags must be 0. */
int alloc_find_route(const void *obj, unsigned flags, struct alloc_reference *steps, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
