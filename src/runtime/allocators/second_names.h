// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "runtime/allocators/malloc_family.h"

// The names by which glibc offers its malloc a second time, for whoever wants to pass by interposers: __libc_malloc, __libc_free and so on;
// some other allocators have them as well. Blocks that come and go by them are blocks of the same heap, so they are interposed like the
// first names, but call on to their own next definitions: a shim's malloc may be made of them.
namespace allocs::allocators {

// As g_next. The four that `MallocFamily` has and that are not here have no second name.
struct SecondNames {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
};
extern ALLOCS_OWN SecondNames g_second_names;

// Whether these are the very allocator that our hooks call. If not, what is allocated by them is not recorded: it is the inside of a block
// that another allocator hands out, or of a heap beside it. Context: hook.
bool second_names_are_of_the_allocator();

}  // namespace allocs::allocators
