// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/allocators/dynamic_symbols.h"
#include "runtime/allocators/state.h"

// The allocator underneath: for each function that we interpose, the next definition of it in the order in which the loader
// searches, which is the one that the program would have got without us. They need not be of one object: a shim may define malloc
// and free only, and then calloc is the C library's, as it is without us.
//
// Calls go through these pointers. They are constant-initialised to functions that find the real ones and call on, so the
// first malloc of a process, which the loader itself makes before any constructor, does the finding of the four common ones; each of the
// others is found when it is first called. No dlsym: the link map is read with own code (dynamic_symbols.h).
//
// Three cases (Root::malloc_kind). libc: the next malloc is glibc's. foreign: another object's (jemalloc preloaded after
// us, or linked to the program); its blocks may be as near as 8 bytes, so they go to two shadows of their own (index/foreign_shadow.h), and
// C++'s operators, which such allocators define too, are recorded as well. bypassed: an object before us defines malloc; then most
// calls never reach us, and of those that do, only the common ones are recorded.
namespace allocs::allocators {

struct MallocFamily {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  std::size_t (*malloc_usable_size)(void*);
  void* (*reallocarray)(void*, std::size_t, std::size_t);
};
extern ALLOCS_OWN MallocFamily g_next;

// Finds the common ones; what it finds does not depend on when it is called. Context: hook.
void find_malloc_family();

// Whether blocks from the rarely used allocation functions go to the index: not if their free would not come by.
bool records_rare_functions();

// Whether an object before us defines realloc. The C library's reallocarray calls whatever realloc the program has, so ours, which such an
// object may lack, must then leave the block to that one. Context: hook.
bool realloc_is_anothers();

// The next definition of some other function, or nullptr. Context: hook.
void* next_definition_of(const SymbolName& name);

// The C library's own, whoever interposes it; nullptr: there is none.
void* c_library_function(const SymbolName& name);

}  // namespace allocs::allocators
