/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_LIFETIME_H
#define ALLOCS_LIFETIME_H

#include "allocator.h"
#include "stop.h"

/* Who keeps a block of malloc alive. A block goes when nobody holds it any more. Each one is held, from birth, by the explicit holder: whoever calls free (delete, realloc to
 * 0 bytes, alloc_free) takes that one away, once. A program may let others hold the block as well:
 *
 * - counted holders: alloc_hold adds one to the holder's count for that block, alloc_let_go takes one away. One is built in (alloc_counted_holder, "references"); a
 *   program registers more of its own, by name, so that each part of it counts for itself;
 * - reachability: the block stays as long as something refers to it. Whether something does is only found out when alloc_collect is called. One such holder is built in
 *   (alloc_reachability_holder, "reachability").
 *
 * free() of a block that others hold is no mistake: it stays what it was, with its contents, for queries too, until the last lets go; alloc_describe and alloc_get_holders say who
 * holds it, and its lifetime is ALLOC_LIFE_HELD. It is a mistake to free it twice: the second call does nothing but report it (alloc_set_excess_free).
 *
 * Compilers know what free means: they may leave out what a function writes to a block before it frees it, and warn of what it does with the block afterwards. Where one function does both, give the
 * block up by alloc_let_go(block, alloc_explicit_holder()), which does the same, or compile it with -fno-builtin-free (-fno-builtin-realloc).
 *
 * realloc (and reallocarray, and what other allocators have like it) is for the explicit holder:
 * - a block that others hold stays where it is, since they have its address. It gets its new size if it has room for it (malloc_usable_size); else realloc fails with ENOMEM, and the block is as
 *   before. What zeroes or aligns as well (mi_rezalloc, mi_recalloc, mi_realloc_aligned, rallocx with flags) always fails for it. alloc_resize: ALLOC_E_HELD. alloc_migrate: ALLOC_E_HELD;
 * - one that nobody else holds any more may move; holders that are still to be told that it goes (see struct alloc_policy) follow it;
 * - one that has been freed, and lives on by others, has no explicit holder: that is reported as a second free, and fails with ENOMEM. alloc_resize: ALLOC_E_NOT_HELD.
 *
 * Blocks of malloc only, of whatever malloc there is (also what operator new, memalign and calloc return), if the index sees it. What registered allocators hand out, pieces of declared
 * sub-allocators, mappings and static objects cannot be held; nor can a block that is a pool, and a block that is held cannot become one.
 *
 * Threads may hold, let go and free at once, any block, as long as somebody holds it whose hold the caller may rely on. A forked child has its own copy of the memory and of who holds it. Nothing
 * here is for signal handlers, nor allowed while the caller has stopped other threads (ALLOC_E_STOPPED; nor are alloc_resize and alloc_set_type of blocks that are held then). alloc_get_holders waits only for a bounded time.
 *
 * A program that holds nothing pays nothing for this. From the first alloc_hold on, each free and each realloc looks at one bit; what is held takes a lock. */

#ifdef __cplusplus
extern "C" {
#endif

struct alloc_holder; /* whose objects are never given back */

enum alloc_holder_kind { ALLOC_HOLDS_COUNTED = 0, ALLOC_HOLDS_WHILE_REACHABLE = 1, ALLOC_HOLDS_UNTIL_FREED = 2 };

/* A holder of the program's own. */
struct alloc_policy {
  size_t size;      /* sizeof(struct alloc_policy), so that later versions can tell */
  const char *name; /* is shown; stays valid */
  int kind;         /* ALLOC_HOLDS_COUNTED or ALLOC_HOLDS_WHILE_REACHABLE */
  /* NULL, or called once for each block that this holder has ever held, when its last holder of all has let go and before its memory is given back: the thread that let go
   * last calls it. The block is whole then, and queries still tell of it, but it cannot be held any more. It must return (no exception, longjmp or pthread_exit). It may free, hold and let go of other blocks; those that go by that go after it has
   * returned, so chains of any length are no recursion. Several holders are told in the reverse order in which they first held the block. */
  void (*gone)(void *context, void *block, size_t size);
  void *context; /* counts as a reference in alloc_collect */
};

/* Makes a holder. ALLOC_E_INVALID: no policy, name or place for the holder, another kind. ALLOC_E_NO_MEMORY. */
int alloc_register_holder(const struct alloc_policy *policy, struct alloc_holder **holder);

/* The holders that are built in; NULL without the run time. Async-signal-safe. */
struct alloc_holder *alloc_explicit_holder(void);
struct alloc_holder *alloc_counted_holder(void);
struct alloc_holder *alloc_reachability_holder(void);

/* `holder` holds the block that contains `obj`: once more, if it counts. It was alive and is so until the holder lets go. ALLOC_E_INVALID: not a holder, or the explicit one, which no block gets
 * back. ALLOC_E_NO_SUCH_OPERATION: not a block of malloc. ALLOC_E_HAS_CHILDREN: other allocations lie in it. ALLOC_E_NOTHING_THERE also for a block that is going (in `gone`). ALLOC_E_UNINDEXED,
 * ALLOC_E_NO_MEMORY, ALLOC_E_STOPPED; nothing has changed then. */
int alloc_hold(const void *obj, struct alloc_holder *holder);

/* `holder` lets go of the block that contains `obj`, once; if it was the last of all, the block goes. For the explicit holder the same as free. ALLOC_E_NOT_HELD: it does not hold it. Other errors as
 * alloc_hold. */
int alloc_let_go(const void *obj, struct alloc_holder *holder);

/* One of the holders of a block. */
struct alloc_held_by {
  struct alloc_holder *holder;
  const char *name; /* "free", "references", "reachability", or the policy's */
  int kind;         /* enum alloc_holder_kind */
  size_t count;     /* at least 1 */
  uint64_t reserved[2];
};

/* Who holds the block that contains `obj`. Fills up to `capacity` records, and returns how many there are; 0 for a block that is going. Errors are negative: those of alloc_hold,
 * ALLOC_E_NOT_YET if the table is being changed all the time. */
int alloc_get_holders(const void *obj, struct alloc_held_by *holders, size_t capacity);

/* ---- reachability ---- */

/* How to stop the others, and what came of it. The rest is filled, also on failure. */
struct alloc_collection {
  int signal;            /* for alloc_stop_others; 0: there are no other threads, or ALLOC_E_THREADS_RUN */
  unsigned timeout_ms;   /* for alloc_stop_others */
  uint64_t candidates;   /* blocks that nothing but reachability held */
  uint64_t freed;        /* of those: they went */
  uint64_t freed_bytes;
  const void *obstacle;  /* ALLOC_E_OBSTACLE: where memory begins that cannot be looked into */
  struct alloc_stop_report stop; /* ALLOC_E_WILL_NOT_STOP: who would not */
  uint64_t reserved[4];
};

/* Frees the blocks that nothing but reachability holds and that nothing refers to. The other threads are stopped (allocs/stop.h), memory is looked through, they run again, and what was not
 * reached goes, in no order among themselves: cycles are no hindrance.
 *
 * What counts as a reference: eight bytes at any alignment, in any memory, that hold an address in the block, or its end; and registers of all threads, those of vectors included; and what this library keeps for the program:
 * contexts and names of holders, the context of alloc_set_excess_free, registered allocators (struct allocator, its name, the protocol and its context) and families of sequences. No type is asked, so
 * some blocks stay by accident. Memory is that of static variables, thread-locals, mappings, stacks as far as they are used, all other blocks, and of candidates those that are themselves
 * referred to. Not looked at is what is known to be free:
 * - below the stack pointers, as allocs/move.h says;
 * - free memory of glibc's malloc: its own lists, or what lies at the end of its heap. What is in no block that is indexed, and not surely free, counts as in use. So what was taken from glibc past
 *   malloc (__libc_malloc, dlmopen) keeps what it refers to, as does free memory of other allocators;
 * - memory of this library itself.
 *
 * Not seen, so that the program must hold by another holder what only these refer to: addresses that are not stored as they are (compressed, xor-ed, in the upper bits of something else), and
 * what the kernel keeps (epoll, timers, signals that are queued, io_uring), devices and other processes; addresses before the block or behind its end, of which a compiler may make do where the block
 * itself is not needed any more (volatile references, or a counted hold, help).
 *
 * ALLOC_E_OBSTACLE: memory of the program cannot be read now, but was written to (mprotect), or only by itself (memfd_secret): nothing was freed. Errors of alloc_stop_others, ALLOC_E_NO_MEMORY, ALLOC_E_NOT_YET (others move
 * allocations all the time), ALLOC_E_REFUSED (a seccomp sandbox; the kernel does not say what is mapped), ALLOC_E_STOPPED (the caller has stopped the others itself). On failure all is as before. */
int alloc_collect(struct alloc_collection *collection);

/* ---- mistakes ---- */

/* Called by the thread that frees or reallocates a block which lives on by other holders and has been freed before: nothing else happens to the block. `block` is where it begins. It may do what
 * the caller of free could have done. */
typedef void alloc_excess_free(void *context, void *block);
/* NULL: nobody is told. Such calls are counted all the same, see below. */
void alloc_set_excess_free(alloc_excess_free *report, void *context);
/* How many there were in this process. Async-signal-safe. */
uint64_t alloc_count_excess_frees(void);

#ifdef __cplusplus
}
#endif

#endif
