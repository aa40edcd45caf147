/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_ALLOCATOR_H
#define ALLOCS_ALLOCATOR_H

#include "../allocs.h"

/* Allocations form a tree: an allocation of one allocator may be managed by another. Here are the steps in it, up and down; what an
 * allocator can tell and do; and how a program's own allocator joins. docs/tree_of_allocations.md has the tree.
 *
 * An allocation is named by a struct alloc_info that one of these functions, or alloc_query, has filled: its allocator, base and size
 * say which it is. If it has gone meanwhile, the answer is ALLOC_E_NOTHING_THERE.
 *
 * Unless a comment says otherwise these functions wait like the plain getters; with ALLOC_NOWAIT those that have flags are
 * async-signal-safe, do not ask the kernel, and so know no mappings: what lies in one then hangs at the root. */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tree ---- */

/* The root: all addresses. Its allocator is NULL. Async-signal-safe. */
void alloc_get_root(struct alloc_info *root);

/* The allocation in which `allocation` lies; the root for those in none. Its `depth` is the number of allocations that contain it; so is
 * that of what is below. Returns ALLOC_OK, ALLOC_E_NOTHING_THERE if the tree has no such allocation (any more), ALLOC_E_INVALID for NULL
 * and for the root. */
int alloc_get_parent(const struct alloc_info *allocation, unsigned flags, struct alloc_info *parent);

/* The allocation directly in `parent` that contains `at`: ALLOC_OK, or ALLOC_E_NOTHING_THERE where `at` is not in one. */
int alloc_get_child(const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *child);

/* A place among the children of an allocation. It holds no memory, and may be copied or dropped at any time. */
struct alloc_cursor {
  struct alloc_info parent;
  const void *next;    /* children that begin below this have been told */
  const void *special; /* private */
  unsigned flags;
  int error;
  uint64_t reserved[4];
};

/* Before the first child. ALLOC_E_INVALID for NULL. */
int alloc_begin_children(const struct alloc_info *parent, unsigned flags, struct alloc_cursor *cursor);

/* The next child by address: each begins where the one before has ended, or behind that, but for what shares bytes with another (ALLOC_EV_SHARED_BYTES). Returns 1 and fills *child; 0 behind the last; or a negative enum alloc_error, after which it returns 0:
 * ALLOC_E_NOT_YET for the root where the kernel must not be asked. Of other threads' stacks only the thread-locals are told, of the asker's stack,
 * and of those of threads that it has stopped, the frames. Children that come or go meanwhile may be missed; each that is told was there at some moment. */
int alloc_next_child(struct alloc_cursor *cursor, struct alloc_info *child);

/* ---- what an allocation is like ---- */

enum alloc_capability { /* a set: the operations that have a meaning */
  ALLOC_CAN_NEW = 1,    /* alloc_new */
  ALLOC_CAN_RESIZE = 2, /* alloc_resize */
  ALLOC_CAN_FREE = 4,   /* alloc_free */
  ALLOC_CAN_SET_TYPE = 8, /* alloc_set_type */
  ALLOC_CAN_SPLICE = 16   /* alloc_insert, alloc_remove */
};

enum alloc_lifetime { /* what ends it */
  ALLOC_LIFE_UNKNOWN = 0,
  ALLOC_LIFE_FREED,   /* a call that frees it */
  ALLOC_LIFE_OBJECT,  /* its object is unloaded; for the executable, the process ends */
  ALLOC_LIFE_FRAME,   /* the function returns */
  ALLOC_LIFE_THREAD,  /* the thread ends */
  ALLOC_LIFE_PROCESS, /* the process ends */
  ALLOC_LIFE_PARENT,  /* what it lies in ends */
  ALLOC_LIFE_HELD     /* the last of several holders lets go: allocs/lifetime.h */
};

struct alloc_traits {
  unsigned capabilities; /* enum alloc_capability */
  int lifetime;          /* enum alloc_lifetime */
  size_t alignment;      /* bytes: what the allocator promises of every allocation, at least 1 */
  uint64_t reserved[4];
};

/* Fills *traits: ALLOC_OK, or ALLOC_E_INVALID. Async-signal-safe for the built-in allocators. */
int alloc_get_traits(const struct alloc_info *allocation, struct alloc_traits *traits);

/* ---- the base level: the same operations on any allocation for which they have a meaning ----
 *
 * `obj` is any address in the allocation. Where an operation has no meaning it is refused, and the error says why: ALLOC_E_OF_OBJECT,
 * ALLOC_E_OF_THREAD, ALLOC_E_OF_FRAME, ALLOC_E_OF_KERNEL, ALLOC_E_OF_RUN_TIME, or ALLOC_E_NO_SUCH_OPERATION. What has children, or is a pool (alloc_promote), is neither
 * freed, resized nor moved: ALLOC_E_HAS_CHILDREN. Of blocks that others hold (allocs/lifetime.h) alloc_free takes away the explicit holder only, and what would move is refused: ALLOC_E_HELD. What the C library has mapped for itself (malloc's heaps, stacks of threads, also of those that have
 * ended) is refused with ALLOC_E_OF_RUN_TIME; where that cannot be told of an anonymous mapping, as in a program with a malloc that is not glibc's, with ALLOC_E_NO_IDENTITY: what alloc_new makes can
 * always be told. The same goes for alloc_promote and alloc_migrate. Under a seccomp sandbox what needs the kernel is refused with ALLOC_E_REFUSED. Other errors are those of
 * alloc_query. References are not rewritten: who lets an allocation move has the pointers to it. On failure nothing has changed. */

enum alloc_change_flag {
  ALLOC_MAY_MOVE = 4,
  ALLOC_BEHIND = 8 /* of alloc_insert_element (allocs/sequence.h) */
};

/* Memory for `count` objects of the type, from `allocator`: malloc (a block; not cleared) or mmap (whole pages, cleared, private; what
 * a program maps itself has no bounds of its own if it is beside other anonymous memory, and this has), or one that was registered. Its type is the type,
 * or for more than one the array of it; it is aligned as the type says (not a typedef of it), also where it moves. ALLOC_E_INVALID for NULL, 0 objects, or a type without a size; ALLOC_E_NO_MEMORY. Of the two malloc
 * allocators it is the one that the program has (ALLOC_E_NO_SUCH_OPERATION), if it is indexed (ALLOC_E_UNINDEXED). */
int alloc_new(struct allocator *allocator, struct uniqtype *type, size_t count, void **base);

/* The same on the stack, in the caller's own frame, which no function could do: a `type *` to `count` objects, not cleared, that go when the function returns (not at the end of a block). `type` is a type
 * of C, aligned to at most 16. Where allocscc has compiled the function it is an allocation of its own, of the alloca allocator, with bounds and type; elsewhere a part of its frame.
 * It does not fail: what the stack has no room for overflows it. */
#define ALLOC_NEW_ON_STACK(type, count) \
  ((type *)((void)sizeof(char[__alignof__(type) <= 16 ? 1 : -1]), __builtin_alloca(sizeof(type) * (size_t)(count))))

/* Gives the allocation another size; *base is where it begins then. In place, or with ALLOC_MAY_MOVE elsewhere if need be; ALLOC_E_NO_ROOM
 * if it would have to move, and may not. Type and site stay.
 * malloc: bytes. mmap: rounded up to pages; a file that is mapped shared and writable up to its end gets that size as well. brk: the break; it
 * can be taken back as far as this function has moved it. */
int alloc_resize(const void *obj, size_t size, unsigned flags, void **base);

/* Frees a block, or removes a mapping. */
int alloc_free(const void *obj);

/* States the type of the whole allocation: an array type without a length for any number of elements. A block keeps it until it is freed
 * or reallocated by the program; a mapping of a file as long as it is mapped there. ALLOC_E_DOES_NOT_FIT, ALLOC_E_NO_IDENTITY. */
int alloc_set_type(const void *obj, struct uniqtype *type);

/* In a file that is mapped shared and writable up to its end: puts `count` zero bytes before the byte at `at` (which may be the end of the file, if
 * that is not on a page boundary), and moves what follows. The file grows, and its mapping; with ALLOC_MAY_MOVE it may move. *inserted is
 * where the new bytes are. ALLOC_E_INVALID: `at` is behind the end. ALLOC_E_NO_ROOM: as alloc_resize, or the mapping does not reach the end. ALLOC_E_REFUSED:
 * the file cannot be opened for writing under its name. ALLOC_E_PRIVATE: it is mapped privately; ALLOC_E_READ_ONLY: not for writing; ALLOC_E_NO_SUCH_OPERATION: no file is mapped there.
 * ALLOC_E_NOT_YET: other threads edit files and sequences for longer than two seconds; they take turns. Not atomic: who maps the file as well sees it half done.
 * The file is opened and closed for this. So all record locks (fcntl's F_SETLK, lockf) that the process has on that file are lost, as POSIX has it for any close;
 * locks of open file descriptions (F_OFD_SETLK) and flock's stay. alloc_remove, and alloc_resize of a mapped file, do the same. */
int alloc_insert(void *at, size_t count, unsigned flags, void **inserted);

/* Takes out `count` bytes from `at` on. The file shrinks, and its mapping to the pages that are left, but one. *remaining is where what followed
 * is now. ALLOC_E_INVALID: there are not so many. Otherwise as alloc_insert; flags must be 0. */
int alloc_remove(void *at, size_t count, unsigned flags, void **remaining);

/* ---- allocators ---- */

/* What an allocator implements. `context` is its own field; pointers are never NULL. A slot may be NULL: the operation then has no
 * meaning. Functions return ALLOC_OK or a negative enum alloc_error. */
struct alloc_protocol {
  size_t size; /* sizeof(struct alloc_protocol), so that later versions can tell */
  void *context;
  /* The allocation of this allocator directly in `parent` that contains `at`. Required. */
  int (*find)(void *context, const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *child);
  /* The first one that begins at or above `from`. Required. */
  int (*next)(void *context, const struct alloc_info *parent, const void *from, unsigned flags, struct alloc_info *child);
  int (*get_traits)(void *context, const struct alloc_info *allocation, struct alloc_traits *traits);
  int (*make)(void *context, struct uniqtype *type, size_t count, void **base);
  int (*resize)(void *context, const struct alloc_info *allocation, size_t size, unsigned flags, void **base);
  int (*release)(void *context, const struct alloc_info *allocation);
  int (*set_type)(void *context, const struct alloc_info *allocation, struct uniqtype *type);
};

/* The protocol of a built-in or registered allocator; NULL if it is neither. Async-signal-safe. */
const struct alloc_protocol *alloc_get_protocol(const struct allocator *allocator);

/* Makes an allocator of the program known; `allocator` (whose name is shown), `protocol` and what it needs stay valid as long as the
 * process. From then on alloc_promote takes it. `find` and `next` are called with a parent that was promoted, from
 * any query of any thread about an address in it, with ALLOC_NOWAIT also from signal handlers. They fill base and size of `child` (which
 * lies in the parent), and may fill type, name and site; the rest is filled in. They must not ask about addresses in the parent.
 * ALLOC_E_INVALID: an argument is NULL, a required slot is missing, the allocator is built in or known already.
 * ALLOC_E_NO_MEMORY. */
int alloc_register_allocator(struct allocator *allocator, const struct alloc_protocol *protocol);

/* From here on the allocation that contains `obj` is a pool of `allocator`: addresses in what that hands out are answered by it, the
 * rest is still answered as before. A block of malloc, a mapping, a static object, or an allocation of a registered allocator.
 * The pool must be demoted before it is freed. Returns ALLOC_OK, or: ALLOC_E_INVALID (the allocator is not registered), ALLOC_E_HAS_CHILDREN
 * (it is a pool, or other allocations lie in it), ALLOC_E_NO_SUCH_OPERATION (nothing that could be a pool), ALLOC_E_HELD (others hold the
 * block: allocs/lifetime.h), ALLOC_E_STOPPED (a thread that the caller has stopped may be about to), ALLOC_E_NO_MEMORY, or why the allocation is not known. */
int alloc_promote(const void *obj, struct allocator *allocator);

/* The end of that, for the innermost pool around `obj`. Waits until questions that are being answered from the pool have been, some milliseconds at most, so that
 * its memory can be given back then. ALLOC_E_NOTHING_THERE: `obj` is in no pool. Not for signal handlers, nor for the functions of an allocator. */
int alloc_demote(const void *obj);

#ifdef __cplusplus
}
#endif

#endif
