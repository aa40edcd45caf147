/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_MOVE_H
#define ALLOCS_MOVE_H

#include "allocator.h"
#include "stop.h"

/* Moving an allocation, with all references to it. The other threads are stopped (allocs/stop.h), and every word of memory is looked at, at every byte: static variables,
 * blocks, pools, stacks, thread-locals, mappings, and the registers of all threads. A pointer into the allocation, to its inside or its end too, is rewritten where a type says that a
 * pointer lies there. A word that holds such an address and of which no type says what it is may be a reference: then the operation is refused, says where the word is, and nothing
 * has changed.
 *
 * What is looked at, and when something is an obstacle:
 * - Types say what a word is: those of blocks, statics, thread-locals, of the frames of all threads, of what registered allocators tell. A word of another type (an
 *   integer, say) is no reference. Arrays of bytes may hold anything, a union of a pointer and something else may hold either: obstacles. A type that is a mere guess (its grade) is enough to
 *   say that there is a pointer, and too little to say that there is none; one that a block's own first words tell (ALLOC_EV_VIRTUAL_TABLE) is too little for either.
 * - Contexts that somebody may go on from (ucontext_t, jmp_buf) hold registers, whatever their members are called: obstacles.
 * - Registers and what functions keep on a stack beside their variables have no type: obstacles. So are registers that a function has saved of its callers, even where debug information
 *   has a pointer in one: what else the compiler has made of it is not known. That goes for the other threads too, and mostly keeps what they are working with where it
 *   is: functions that they have returned from leave addresses in what those that they wait in do not use of their frames. The caller's own registers are those that its function keeps during the call; what the compiler keeps in one of them, if only for later, is an obstacle. Call
 *   with an expression that is not needed afterwards, and do not keep copies.
 * - What lies below a thread's stack pointer is out of use where calls lead from there, by unwind information, up to where the thread began. Where they do not, the thread may run on a
 *   fibre, or in a handler whose stack lies in its own, with others' frames below: then nothing of its stack is out of use but the frames of the call itself. Old addresses, those
 *   that the call has left too, are obstacles: little moves when a fibre asks.
 * - Free memory of glibc's malloc is told apart, and is no obstacle, although old pointers lie in it. So is what lies in a pool of a registered allocator that can make and free, where its
 *   `find` says that nothing is there (ALLOC_E_NOTHING_THERE): that is the allocator's own. Where it says that it cannot tell, as when a stopped thread holds its lock, that is an obstacle. Free memory of other allocators, and stacks of threads that have ended, are not told apart.
 *   (A block that a program takes from glibc past malloc, by __libc_malloc, counts as free memory.)
 * - The address right behind an allocation belongs to it in blocks of glibc's malloc, which has its books between blocks. Elsewhere it means what comes next if the allocation is a single
 *   object; behind an array or something without a type it may mean either, if another allocation begins there or may (in pools): an obstacle. That holds for the end of what moves, and for
 *   where it begins if such a thing ends there, whether that moves or stays.
 * - Not seen: addresses that are not stored as they are (compressed, xor-ed, in the upper bits of something else), what the kernel keeps (epoll, timers, alternate stacks), memory
 *   that cannot be read (PROT_NONE), pages of files that are mapped privately and were never written to, other processes. And what a compiler has made of an address in a register or on a
 *   stack that does not lie in the allocation any more (a loop that counts from beyond its end), unless the address itself is there as well.
 *
 * Types must be known to be told: what has no metadata consists of obstacles. Metadata is made before the threads are stopped where that is possible.
 *
 * None of these functions is for signal handlers. They may be called while the caller has stopped the others itself, if neither side is malloc (ALLOC_E_STOPPED). */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_obstacle_kind {
  ALLOC_NO_OBSTACLE = 0,
  ALLOC_OBSTACLE_REGISTER,  /* in a register, or in one that a context keeps (ucontext_t, jmp_buf) */
  ALLOC_OBSTACLE_UNTYPED,   /* nothing tells what lies there */
  ALLOC_OBSTACLE_BYTES,     /* in an array of bytes, which may hold anything */
  ALLOC_OBSTACLE_UNION,     /* a pointer in one member of a union, something else in another */
  ALLOC_OBSTACLE_GUESS,     /* the type there says that it is no pointer, but is a guess */
  ALLOC_OBSTACLE_END,       /* the end of the allocation, where another one begins */
  ALLOC_OBSTACLE_READ_ONLY, /* a pointer in memory that cannot be written to */
  ALLOC_OBSTACLE_GIVEN      /* this library was given it: a holder's context, an allocator, a family. `at` is NULL */
};
const char *alloc_obstacle_message(int kind); /* never NULL; static text */

/* The word that stood in the way. */
struct alloc_obstacle {
  int kind;          /* enum alloc_obstacle_kind */
  int thread;        /* kernel id of the thread in whose register it is; else 0 */
  int reg;           /* DWARF number of the register; -1: it is none */
  const void *at;    /* where the word is; NULL: in a register, or given to this library */
  const void *value; /* what it holds */
  uint64_t reserved[4];
};

/* How to stop the others, and what came of it. The rest is filled, also on failure. */
struct alloc_moving {
  int signal;          /* for alloc_stop_others; 0: there are no other threads, or ALLOC_E_THREADS_RUN */
  unsigned timeout_ms; /* for alloc_stop_others */
  uint64_t references; /* that were rewritten */
  struct alloc_obstacle obstacle; /* ALLOC_E_OBSTACLE: the first one that was found */
  struct alloc_stop_report stop;  /* ALLOC_E_WILL_NOT_STOP: who would not */
  uint64_t reserved[4];
};

/* Moves the allocation that contains `obj` to memory that alloc_new would give from `to` (NULL: the allocator that it has; another block, another mapping); *base is where it begins then. Its
 * type goes with it. A block of malloc is aligned as it was before, up to a page; what others give is as they give it. With `moving` the references are rewritten; with NULL they are not: who
 * has the pointers changes them. Contents are copied: a mapping of a file becomes memory of its own.
 *
 * Both allocators must be able to make and to free (ALLOC_CAN_NEW, ALLOC_CAN_FREE), or the refusal is that of alloc_new or alloc_free. ALLOC_E_HAS_CHILDREN: it is a pool, or other
 * allocations lie in it. ALLOC_E_NO_TYPE: its type, or how many of it there are, is not known, and `to` is not malloc. ALLOC_E_BEING_RESIZED: threads resize blocks without a pause, so that
 * what is in memory cannot be told. Other errors: those of alloc_query, alloc_new, alloc_stop_others. On failure nothing has changed; but if the old
 * place cannot be freed after all was moved, that error is returned and *base set. */
int alloc_migrate(const void *obj, struct allocator *to, struct alloc_moving *moving, void **base);

/* As alloc_resize with ALLOC_MAY_MOVE, but references are rewritten if it moves. Where it is if it can be; else as alloc_migrate to the allocator
 * that it has. Files that are mapped do not move: ALLOC_E_NO_ROOM. */
int alloc_resize_moving(const void *obj, size_t size, struct alloc_moving *moving, void **base);

/* One of several allocations that move at once. */
struct alloc_move {
  const void *obj;      /* any address in it */
  struct allocator *to; /* NULL: the allocator that it has */
  void *base;           /* filled: where it begins now */
  uint64_t reserved[2];
};

/* Moves all of them, or none; memory is looked through once. `moving` must not be NULL. ALLOC_E_INVALID also for an allocation that is named twice. *failed,
 * if not NULL, is the number of the one that an error is about; `count` if it is about none. */
int alloc_migrate_all(struct alloc_move *moves, size_t count, struct alloc_moving *moving, size_t *failed);

#ifdef __cplusplus
}
#endif

#endif
