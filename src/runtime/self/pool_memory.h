// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocs.h"

// What an allocator of the run time's own keeps of one pool: where elements were found, the table of a file. It goes with the pool: the protocol's
// functions find it at the parent that they are given.
//
// Queries read it without a lock, so it is never unmapped, and used again for another pool only when every reader that may have seen it has left. Readers
// announce themselves in the counter of the current epoch (PoolReader). A piece that was given back in epoch n is free in epoch n + 2, and the epoch is
// advanced only when the one before it has no readers any more. Who leaves a query by longjmp is counted for ever: then no memory is used again, demoting waits in vain
// for a moment, and sequences cannot be edited any more. A forked child begins to count anew.
namespace allocs::self {

// Zeroed, 16-aligned; nullptr when there is none. Context: query.
void* take_pool_memory(std::size_t size);
// From take_pool_memory(), or nullptr. Context: query.
void give_back_pool_memory(void* memory);

// While it lives, the memory of pools that were there after it was made stays what it is. Context: signal.
class PoolReader {
 public:
  PoolReader();
  ~PoolReader();
  PoolReader(const PoolReader&) = delete;
  PoolReader& operator=(const PoolReader&) = delete;

 private:
  unsigned epoch_, generation_;
};
// How often a process was forked on the way here. Context: signal.
unsigned pool_generation();
// In a forked child, before anything else here: the readers of the parent's are none of its own.
void forget_pool_readers();
// Waits until all readers that are there have left: some milliseconds at most, or so long. False: some are still there. Context: query.
bool wait_for_pool_readers(unsigned timeout_ms = 0);

// Of the pool that `parent`, as it was given to `find` or `next`, is or lies in; nullptr if it has none. Context: signal.
inline void* pool_memory_of(const alloc_info& parent) {
  return reinterpret_cast<void*>(parent.reserved[3]);
}
inline void set_pool_memory(alloc_info& parent, void* memory) {
  parent.reserved[3] = reinterpret_cast<std::uint64_t>(memory);
}

}  // namespace allocs::self
