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
// Where a chunk begins is told by the block before it that is indexed, and by the sizes of the chunks from there on.
namespace allocs::preload {

// The key that this process's malloc marks chunks with, 0: it has none, or it cannot be told. Frees and allocates. Context: query.
std::uint64_t key_of_free_chunks();

class FreeChunks {
 public:
  // To be made while threads are stopped. Context: query.
  FreeChunks(const self::SelfProcess& process, std::uint64_t key);

  // Is what lies at `at` free memory, or malloc's own? `holder`: what was answered about it.
  bool contains(Address at, const query::Answer& holder) const;

 private:
  void list_small_chunks();
  bool is_free_chunk(Address chunk, std::uint64_t size, AddressRange segment) const;
  Address chunk_before(Address at, AddressRange segment) const;

  const self::SelfProcess& process_;
  MallocMemory malloc_;
  std::uint64_t key_;
};

}  // namespace allocs::preload
