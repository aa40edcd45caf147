/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_CONTAINER_H
#define ALLOCS_CONTAINER_H

#include "../allocs.h"

/* The elements of containers: a std::vector, std::map or Vec<T> is a structure whose members mean something to its library. Which types
 * are containers, and where their elements are, say rules in a text (docs/formats/containers.md); those of libstdc++, libc++ and
 * Rust's library are built in, and users add theirs in a configuration file. */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_elements_form {
  ALLOC_ELEMENTS_MANY = 0,       /* anywhere, in the order of the container */
  ALLOC_ELEMENTS_CONTIGUOUS = 1, /* one behind the other */
  ALLOC_ELEMENTS_POINTED = 2,    /* at most one, elsewhere: smart pointers */
  ALLOC_ELEMENTS_HELD = 3        /* at most one, in the object itself: std::optional, std::variant */
};

/* A walk over the elements of one object. It may be copied, and goes on from there. */
struct alloc_elements {
  struct uniqtype *type;         /* of each element. Not NULL */
  size_t size;                   /* of each element, in bytes */
  uint64_t count;                /* of elements; UINT64_MAX where only the walk tells */
  enum alloc_elements_form form; /* how they lie */
  uint64_t private_state[40];
};

struct alloc_element {
  const void *base; /* nobody has looked whether that can be read */
  size_t size;
  struct uniqtype *type;
  uint64_t index; /* from 0 */
  int bit;        /* std::vector<bool>: of the byte at base, the lowest is 0; else -1 */
};

/* Begins with the elements of the object of type `type` at `object`. Returns 0, also for a container that has none; ALLOC_E_NO_SUCH_OPERATION:
 * no rule is known for that type, or its debug information lacks what the rule needs (of nodes, say); ALLOC_E_MALFORMED: what is there is no
 * such container, or cannot be read; ALLOC_E_NOT_YET: memory must not be read through the kernel (a seccomp sandbox); ALLOC_E_INVALID for a NULL argument.
 *
 * Nothing of the object is believed, so that also one that is damaged, freed or being changed may be asked about. It is read
 * when asked, so that it should not change during the walk. May wait like the plain getters; not for signal handlers. */
int alloc_begin_elements(const struct uniqtype *type, const void *object, struct alloc_elements *elements);

/* 1 and the next element; 0 at the end; ALLOC_E_MALFORMED where the container is damaged: then the walk is at its end. ALLOC_E_NOT_YET as before: then it is where it was. ALLOC_E_INVALID for NULL, and for
 * a walk whose `type` is NULL: one that was not begun, or could not be. Every walk over linked nodes ends, also one that goes in a circle. */
int alloc_next_element(struct alloc_elements *elements, struct alloc_element *element);

#ifdef __cplusplus
}
#endif

#endif
