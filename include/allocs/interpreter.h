/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_INTERPRETER_H
#define ALLOCS_INTERPRETER_H

#include "walk.h"

/* What a reference is, is a parameter. To a machine it is a pointer; a file says where things are by offsets, addresses that hold once it is loaded,
 * indices into tables. An *interpreter* knows one such language: which places hold a reference in it, and to what, in an *environment*, which
 * is whatever that takes: the file, a table, a base. With it the tree of allocations is followed as a graph: allocs/elf_file.h has one for ELF files.
 *
 * A place is a struct alloc_step: an allocation, or a subobject of one, and all that it is in. */

#ifdef __cplusplus
extern "C" {
#endif

/* What a reference leads to. */
struct alloc_referent {
  const void *at; /* NULL: nowhere that can be told, see `error` */
  size_t size;    /* bytes of it, where the reference tells that; else 0 */
  int how;        /* what the interpreter's can_interpret said */
  int error;      /* ALLOC_OK; ALLOC_E_NOTHING_THERE: nothing is where it leads to, or the memory contradicts itself; or why else */
  uint64_t reserved[2];
};

struct alloc_interpreter {
  size_t size;       /* sizeof(struct alloc_interpreter) */
  const char *name;  /* of the language */
  void *environment; /* handed to the functions below */
  /* Is there a reference at the place itself, not only in a part of it? A positive number says yes, and which kind, in the interpreter's own numbers; 0
   * no; a negative enum alloc_error ends a walk. Required. Places without a type are asked about too. */
  int (*can_interpret)(void *environment, const struct alloc_step *place);
  /* Fills `at` and `size` of *referent, which is cleared, for a place where can_interpret has said `how`; or returns a negative enum alloc_error.
   * Required. */
  int (*interpret)(void *environment, const struct alloc_step *place, int how, struct alloc_referent *referent);
  /* Whether something below the place may hold a reference. NULL: anything may. */
  int (*may_contain)(void *environment, const struct alloc_step *place);
};

/* Where a place begins, how large it is, and its type (NULL if it is not known). */
static inline const void *alloc_place_base(const struct alloc_step *place) {
  return place->subobject != NULL ? place->subobject->base : place->allocation.base;
}
static inline size_t alloc_place_size(const struct alloc_step *place) {
  return place->subobject != NULL ? place->subobject->size : place->allocation.size;
}
static inline struct uniqtype *alloc_place_type(const struct alloc_step *place) {
  return place->subobject != NULL ? place->subobject->type : place->allocation.type;
}

/* `referent` is what interpret has filled; it is told also if that failed. Returns what visitors return: see walk.h. */
typedef int alloc_visit_interpreted(const struct alloc_step *place, const struct alloc_referent *referent, void *context);

/* Every reference in the allocation `from` (NULL: in everything) and in what is below it, depth first. What is below a reference is not
 * searched. flags must be 0. Returns 0, what ended the walk, or an error: those of alloc_walk_tree, and ALLOC_E_INVALID for an interpreter that is NULL or
 * lacks a function. */
int alloc_walk_interpreted(const struct alloc_info *from, const struct alloc_interpreter *interpreter, unsigned flags,
                           alloc_visit_interpreted *visit, void *context);

/* The reference whose place contains the byte at `at`, the outermost if there are several, and to what it leads: *referent, all of which is filled.
 * Returns ALLOC_OK; ALLOC_E_NO_SUCH_OPERATION if there is no reference; what the interpreter's functions return; why the allocation
 * or its type is not known; ALLOC_E_INVALID. With ALLOC_NOWAIT async-signal-safe, if the interpreter is. */
int alloc_interpret(const void *at, const struct alloc_interpreter *interpreter, unsigned flags, struct alloc_referent *referent);

/* Machine pointers and references, as types tell them; `how` is 1, and a null pointer leads to nothing. It has no environment.
 * Async-signal-safe. Memory may vanish meanwhile, so it is read through the kernel: ALLOC_E_NOT_YET where that must not be asked (a seccomp sandbox). */
const struct alloc_interpreter *alloc_pointer_interpreter(void);

#ifdef __cplusplus
}
#endif

#endif
