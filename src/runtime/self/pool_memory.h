// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocs.h"

// What an allocator of the run time's own keeps of one pool: where elements were found, the table of a file. It goes with the pool: the protocol's
// functions find it at the parent that they are given.
//
// The memory is never unmapped, but used again for another pool, since queries read it without a lock. Who reads a pool's memory when it has just
// been demoted may see that of another: bounds hold, and registered.cc drops what was found in a pool that has changed meanwhile.
namespace allocs::self {

// Zeroed, 16-aligned; nullptr when there is none. Context: query.
void* take_pool_memory(std::size_t size);
// From take_pool_memory(), or nullptr. Context: query.
void give_back_pool_memory(void* memory);

// Of the pool that `parent`, as it was given to `find` or `next`, is or lies in; nullptr if it has none. Context: signal.
inline void* pool_memory_of(const alloc_info& parent) {
  return reinterpret_cast<void*>(parent.reserved[3]);
}
inline void set_pool_memory(alloc_info& parent, void* memory) {
  parent.reserved[3] = reinterpret_cast<std::uint64_t>(memory);
}

}  // namespace allocs::self
