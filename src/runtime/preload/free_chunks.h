// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/preload/malloc_memory.h"

// What is surely free in the heaps of glibc's malloc, for who must not take what is in use for free memory: the other way round it does no harm.
//
// That the index has no block there is not enough: there are ways past the hooks (__libc_malloc, dlsym). So it must be seen in the chunk itself, which is
// - the last one of its arena (top), or
// - in a list of free chunks: then the next one says that the one before it is not in use; or
// - in a list of a thread's cache: it has the key in its second word, a random number of the process that malloc puts there, and takes away when it hands the chunk out, and a link that
//   leads to nothing or into a heap in its first; or
// - in a list of an arena for small chunks, which are followed.
// Where a chunk begins is told by the block before it that is indexed, or where the heap begins, and by the sizes of the chunks from there on. Who asks ascends through memory, so the walk over the chunks goes on from
// where it was, unless a block is indexed in between: from that one it would begin anew. The threads are stopped, and who asks neither allocates nor frees, so the chunks stay what they are.
namespace allocs::preload {

// The key that this process's malloc marks chunks with, 0: it has none, or it cannot be told. Frees and allocates. Context: query.
std::uint64_t key_of_free_chunks();

class FreeChunks {
 public:
  // To be made while threads are stopped. Context: query.
  FreeChunks(const self::SelfProcess& process, std::uint64_t key);

  // Is what lies at `at` free memory, or malloc's own? `holder`: what was answered about it. The answer does not depend on what was asked before; how long it takes does: a walk over the
  // chunks behind the last question, or, below that, from the block before.
  bool contains(Address at, const query::Answer& holder);
  // Is it in the same free chunk as what was asked about last? Then nobody needs to be asked who holds it.
  bool is_in_same(Address at);

 private:
  // Where the walk is: at the chunk in which the last question ended, or at which nothing more could be told.
  struct Place {
    AddressRange segment{};
    Address chunk{};           // Address{}: no chunk is known so far
    Address without_blocks{};  // from the chunk's user part up to here no further block begins
    std::uint64_t size = 0;    // of the chunk; 0: it is not known to be one
    bool is_free = false;
  };

  void list_small_chunks();
  bool is_free_chunk(Address chunk, std::uint64_t size, AddressRange segment) const;
  Address last_block_in(Address begin, Address last) const;
  void go_near(Address at, AddressRange segment);

  const self::SelfProcess& process_;
  MallocMemory malloc_;
  std::uint64_t key_;
  Place place_;
};

}  // namespace allocs::preload
