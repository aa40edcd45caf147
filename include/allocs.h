/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_H
#define ALLOCS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "allocs/uniqtype.h"

/* Questions about memory. Each takes any 64-bit value whatever, interior pointers included, from any thread, and never faults,
 * never changes errno, never prints.
 *
 * The plain getters may wait, once per loaded object, until the object's metadata has been made; they are not for signal
 * handlers. alloc_query with ALLOC_NOWAIT never waits, spawns or allocates and is async-signal-safe. What is answered was
 * true at some moment during the call.
 *
 * Stack: alloc_query with ALLOC_NOWAIT, alloc_describe and alloc_format_path take at most 12 KiB, so an alternate signal stack should have 16 KiB;
 * alloc_query that may wait takes at most 32 KiB. */

#ifdef __cplusplus
extern "C" {
#endif

/* An allocator is anything that hands out memory. */
struct allocator {
  const char *name;
};

/* ---- plain getters: NULL (or 0) means that the answer is "nothing", or is not known; alloc_query tells which ---- */

struct allocator *alloc_get_allocator(const void *obj); /* of the deepest allocation that contains obj */
void *alloc_get_base(const void *obj);                  /* where that allocation starts */
size_t alloc_get_size(const void *obj);                 /* heap: the size that was asked for. Functions: the size of their
                                                           type, which is 0; alloc_query has the extent of the code */
struct uniqtype *alloc_get_type(const void *obj);       /* of the whole allocation, not of the field at obj */
const void *alloc_get_site(const void *obj);            /* the return address of the call that allocated it */

/* ---- one call for everything ---- */

enum alloc_error {
  ALLOC_OK = 0,
  ALLOC_E_NOTHING_THERE = -1,   /* no allocation contains the address */
  ALLOC_E_NO_METADATA = -2,     /* the object has no metadata, and none could be made */
  ALLOC_E_NOT_YET = -3,         /* metadata has not been read, or the object itself not looked at: ALLOC_NOWAIT forbids to, or no descriptor is free, or there is no /proc */
  ALLOC_E_NO_TYPE = -4,         /* metadata is there, but does not tell the type */
  ALLOC_E_UNINDEXED = -5,       /* allocated before, or beside, what the index sees */
  ALLOC_E_BEING_RESIZED = -6,   /* another thread is in realloc with this block, or edits this sequence */
  ALLOC_E_OTHER_THREAD = -7,    /* a slot of a running thread's stack: its frames cannot be told */
  ALLOC_E_NO_UNWIND = -8,       /* the stack cannot be unwound as far as this frame */
  ALLOC_E_CONFLICT = -9,        /* the evidence contradicts itself */
  ALLOC_E_NO_RUNTIME = -10,     /* liballocs_preload.so is not loaded */
  ALLOC_E_NO_MEMORY = -11,
  ALLOC_E_INVALID = -12,        /* an argument is not valid */
  ALLOC_E_IN_WRAPPER = -13,     /* allocated in a wrapper, whose caller decides the type and could not be told */

  /* of what would change memory: allocs/allocator.h */
  ALLOC_E_NO_SUCH_OPERATION = -14, /* the operation has no meaning for that allocator */
  ALLOC_E_OF_OBJECT = -15,         /* part of a loaded object: comes and goes with dlopen and dlclose */
  ALLOC_E_OF_THREAD = -16,         /* part of a thread: comes and goes with it */
  ALLOC_E_OF_FRAME = -17,          /* part of a stack frame: goes when the function returns */
  ALLOC_E_OF_KERNEL = -18,         /* made by the kernel for the life of the program */
  ALLOC_E_OF_RUN_TIME = -19,       /* memory of the loader, of the C library (its malloc's, stacks that it keeps) or of liballocs itself */
  ALLOC_E_HAS_CHILDREN = -20,      /* other allocations lie in it */
  ALLOC_E_NO_ROOM = -21,           /* it cannot grow where it is, and was not allowed to move */
  ALLOC_E_DOES_NOT_FIT = -22,      /* the type is larger than the allocation */
  ALLOC_E_NO_IDENTITY = -23,       /* an anonymous mapping has nothing by which it would be known again: make it with alloc_new */
  ALLOC_E_REFUSED = -24,           /* the kernel, the C library or the size of the file does not allow it */

  ALLOC_E_MALFORMED = -25,         /* the memory does not hold what it is said to be: allocs/elf_file.h */

  /* of stopping threads and moving allocations: allocs/stop.h, allocs/move.h */
  ALLOC_E_STOPPED = -26,           /* not while other threads are stopped, which may hold malloc's locks */
  ALLOC_E_WILL_NOT_STOP = -27,     /* a thread would not stop */
  ALLOC_E_THREADS_RUN = -28,       /* other threads run, and no signal was named to stop them with */
  ALLOC_E_OBSTACLE = -29,          /* something may refer to it that cannot be rewritten, or cannot be looked into */

  /* of lifetimes: allocs/lifetime.h */
  ALLOC_E_HELD = -30,              /* others hold it, and have its address */
  ALLOC_E_NOT_HELD = -31,          /* that holder does not hold it */

  /* of editing mapped files: allocs/allocator.h */
  ALLOC_E_PRIVATE = -32,           /* the file is mapped privately: what is written there does not reach it */
  ALLOC_E_READ_ONLY = -33          /* the mapping does not allow writing */
};
const char *alloc_error_message(int error); /* never NULL; static text */

enum alloc_flag {
  ALLOC_NOWAIT = 1,      /* never wait, spawn, allocate or ask the kernel; async-signal-safe */
  ALLOC_ASK_REFERRERS = 4 /* of alloc_query: if nothing else tells the type of a block of malloc, look for pointers to it */
};

/* How well a part of an answer is known. */
enum alloc_grade {
  ALLOC_GRADE_NONE = 0,
  ALLOC_GRADE_WEAK = 1,      /* something that points here says so */
  ALLOC_GRADE_PLAUSIBLE = 2, /* one kind of evidence */
  ALLOC_GRADE_STRONG = 3,    /* kinds of evidence that agree, or what a library documents */
  ALLOC_GRADE_EXACT = 4      /* stated by the compiler, the linker, the kernel or the allocator */
};

/* What an answer rests on: a set. */
enum alloc_evidence {
  ALLOC_EV_ELF_SYMBOL = 1 << 0,       /* a symbol of the object */
  ALLOC_EV_DEBUG_INFORMATION = 1 << 1,
  ALLOC_EV_CODE_REFERENCE = 1 << 2,   /* code or data refers to it */
  ALLOC_EV_HEAP_INDEX = 1 << 3,       /* the record made when it was allocated */
  ALLOC_EV_SITE_TARGET = 1 << 4,      /* the pointer that the allocating call's result is stored in */
  ALLOC_EV_SITE_SIZE = 1 << 5,        /* the size asked for fits the type */
  ALLOC_EV_UNWIND = 1 << 6,           /* call frame information */
  ALLOC_EV_KERNEL = 1 << 7,           /* the kernel's list of mappings, the auxiliary vector */
  ALLOC_EV_THREAD_TABLE = 1 << 8,
  ALLOC_EV_LINK_MAP = 1 << 9,
  ALLOC_EV_SITE_NEW = 1 << 10,        /* a new-expression */
  ALLOC_EV_SECTION = 1 << 11,
  ALLOC_EV_STATED = 1 << 12,          /* the program has said so: alloc_set_type, alloc_new */
  ALLOC_EV_PERF_MAP = 1 << 13,        /* what the program tells perf of code that it made */
  ALLOC_EV_LIBRARY_FACT = 1 << 14,    /* what a library's function is known to allocate */
  ALLOC_EV_FRAME_RECORD = 1 << 15,    /* what the code that allocated it left in its frame */
  ALLOC_EV_CALL_ENTRY = 1 << 16,      /* what the debug information says of the allocating call */
  ALLOC_EV_VIRTUAL_TABLE = 1 << 17,   /* what lies in it begins like an object of the class: with the address of its virtual table */
  ALLOC_EV_REFERRER = 1 << 18,        /* the types of the pointers to it */
  ALLOC_EV_SHARED_BYTES = 1 << 19,    /* no evidence for it: another allocation that lies beside it, not in it, has some of the same bytes. Linkers put constants over one another where their ends are
                                         equal. Such a byte belongs to the one that begins last */
  ALLOC_EV_SITE_USE = 1 << 20         /* what the program does with the block, by its source or its code */
};

struct alloc_info {
  struct allocator *allocator; /* NULL: nothing there, or nobody knows. With ALLOC_E_UNINDEXED: whose block it may be */
  const void *base;
  size_t size;         /* bytes; heap: as asked for; functions: of the code */
  struct uniqtype *type;
  const void *site;    /* return address of the allocating call; NULL if there is none */
  const char *name;    /* symbol, function of a frame, file of a mapping; NULL if none. Lives as long as the process. With
                          ALLOC_E_NO_UNWIND: the function, made at run time, at which the walk ended (`site` lies in it), if it is told */
  int error;           /* ALLOC_OK, or why some of the above is missing */
  int type_error;      /* ALLOC_OK, or why `type` is NULL */
  unsigned evidence;   /* enum alloc_evidence */
  unsigned char base_grade, type_grade; /* enum alloc_grade */
  unsigned short depth; /* number of allocations that contain this one */
  int thread;          /* kernel id of the thread whose stack or thread-local storage it is, or 0 */
  uint64_t reserved[4];
};

/* Fills *out (all of it, also on failure) and returns ALLOC_OK, or out->error when the allocation itself is not known. A missing
 * type alone is not a failure: see type_error.
 * With ALLOC_NOWAIT: async-signal-safe. ALLOC_ASK_REFERRERS costs a read of all writable memory where it is of use, and is ignored with
 * ALLOC_NOWAIT; a type that is found so is weak. */
int alloc_query(const void *obj, unsigned flags, struct alloc_info *out);

/* One link of the chain from the mapping down to the field. */
struct alloc_path_entry {
  struct allocator *allocator; /* NULL below the leaf allocation: members, elements */
  const void *base;
  size_t size;
  struct uniqtype *type;
  const char *name; /* of the allocation or of the member; NULL for an array element */
  uint64_t index;   /* of an array element or a member (a virtual base: see alloc_subobject in allocs/walk.h); UINT64_MAX otherwise */
};

/* Writes at most `capacity` entries, outermost first, and returns how many there are, or a negative enum alloc_error. */
int alloc_get_path(const void *obj, unsigned flags, struct alloc_path_entry *entries, size_t capacity);

/* The path from the leaf allocation's name to the field at obj, as C writes it ("ctx.items[3].name"); what is no variable in a frame is "f::(return address)" or
 * "f::(saved rbx)". Like snprintf. Negative on failure. */
int alloc_format_path(const void *obj, unsigned flags, char *buf, size_t len);

/* A paragraph for a human: allocator, bounds, type, path, site, evidence. Works like snprintf. Never waits: safe in a crash
 * handler. */
int alloc_describe(const void *obj, char *buf, size_t len);

/* The same, but may wait for metadata like the plain getters. */
int alloc_describe_wait(const void *obj, char *buf, size_t len);

/* ---- walking ---- */

/* Called for each thing that is walked over; what it points to is valid during the call. Anything but 0 ends the walk. */
typedef int alloc_visit_block(const struct alloc_info *block, void *context);

/* Calls visit for every block of malloc, by address, as alloc_query describes blocks (also those that serve as a stack or hold
 * thread-locals, for which alloc_query names what lies in them). Blocks that are made, freed or resized meanwhile
 * may be missed; each that is told was there at some moment during the walk. The visitor may allocate, free, and ask.
 * Returns 0 at the end, what the visitor returned if it ended the walk, or a negative enum alloc_error (ALLOC_E_INVALID,
 * ALLOC_E_NO_RUNTIME, ALLOC_E_UNINDEXED if the program has a malloc of its own that the run time does not see). With ALLOC_NOWAIT: async-signal-safe, if the visitor is. */
int alloc_walk_blocks(unsigned flags, alloc_visit_block *visit, void *context);

/* A pointer or reference within an allocation. */
struct alloc_reference {
  const void *at;        /* where the pointer is */
  const void *target;    /* what it held; may be NULL, or no address at all */
  struct uniqtype *type; /* of the pointer */
  uint64_t reserved[2];
};
typedef int alloc_visit_reference(const struct alloc_reference *reference, void *context);

/* Calls visit for each pointer and reference in the allocation that contains obj, by address; those of all members of a union.
 * What the type does not tell as a pointer is not visited. The memory is read through the kernel, so it may vanish meanwhile; then the
 * walk ends. Returns 0 at the end, what the visitor returned if it ended the walk, or a negative enum alloc_error: that of the allocation
 * or its type if one is not known, or ALLOC_E_NOT_YET where the kernel must not be asked (a seccomp sandbox). May wait, like the plain
 * getters; flags must be 0. */
int alloc_walk_references(const void *obj, unsigned flags, alloc_visit_reference *visit, void *context);

/* The allocators that answer; compare with alloc_get_allocator(). */
extern struct allocator __mmap_allocator, __brk_allocator, __static_file_allocator, __static_segment_allocator,
    __static_section_allocator, __static_symbol_allocator, __tls_block_allocator, __tls_symbol_allocator, __auxv_allocator,
    __stack_allocator, __stackframe_allocator, __default_lib_malloc_allocator, __program_malloc_allocator, __ld_so_malloc_allocator,
    __liballocs_own_allocator, __alloca_allocator;

#ifdef __cplusplus
}
#endif

#endif
