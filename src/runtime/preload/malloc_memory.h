// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "runtime/index/records.h"
#include "runtime/query/answer.h"
#include "runtime/self/self_process.h"

// What belongs to glibc's malloc and is in no block: free memory, in which old contents still lie, and its books. No word in there is a reference of the
// program's.
//
// Which memory that is, its arenas say. The first one lies in the C library's data, without a symbol. It is found by its lists of free chunks: 127 pairs of pointers in a row, and the pair
// of an empty list points to itself (to 16 bytes before itself). The last list is never used, so the last such pair of a row of many is the end of the table. From there
// on it is known how an arena looks (malloc/malloc.c, the same from glibc 2.27 to 2.41); each leads to the next one, and to its heaps, and whatever does not agree makes the whole be
// distrusted: then nothing is known to be free.
namespace allocs::preload {

class MallocMemory {
 public:
  // To be made while threads are stopped; reads memory through the kernel. Context: query.
  explicit MallocMemory(const self::SelfProcess& process);

  // `holder`: what was answered about `at`.
  bool is_its_own(const self::SelfProcess& process, Address at, const query::Answer& holder) const;
  // The part of the heap that `at` is in: the break area, or what another arena has mapped; empty: neither, or nothing is known.
  AddressRange segment_of(Address at, const query::Answer& holder) const;
  // Where its first chunk is; Address{}: that is not known.
  Address first_chunk_in(AddressRange segment) const;
  // Is `at` in an arena's own struct, or a heap's?
  bool is_in_books(Address at) const;
  // False: nothing is known, or nothing agrees; then the others say nothing either.
  bool is_known() const { return first_arena_ != Address{}; }
  // Is a part of a heap there, or of the room that is reserved for one?
  bool has_heap_in(AddressRange range) const;
  // Has the first arena memory beside the break area, which nothing tells from a program's mapping?
  bool has_other_mappings() const;
  // Calls visit(Address arena) for each.
  template <typename Visit>
  void for_each_arena(Visit&& visit) const {
    if (first_arena_ == Address{}) return;
    visit(first_arena_);
    for (std::size_t i = 0; i < heap_count_; ++i)
      if (heaps_[i].contains(arenas_[i])) visit(arenas_[i]);
  }

  // May `at` be in a malloc's books, without that being known? Then a pointer there is not the program's to change, whatever its type.
  bool may_be_its_own(Address at) const {
    return first_arena_ == Address{} && object_of_malloc_.contains(at);
  }

 private:
  bool find_first_arena(const index::ModuleRecord& libc);
  bool read_other_arenas();
  bool read_heaps(Address arena);
  bool is_in_block(const self::SelfProcess& process, Address at) const;

  static constexpr std::size_t kMostHeaps = 512;
  AddressRange object_of_malloc_{};
  Address first_arena_{};               // nullptr: not found, or distrusted
  std::uint64_t first_arena_size_ = 0;  // bytes of the break area that it has
  std::array<AddressRange, kMostHeaps> heaps_;
  std::array<Address, kMostHeaps> arenas_;  // that have them
  std::size_t heap_count_ = 0;
};

// Does a heap, by how one begins, have a part of the range, or reserve it? Context: query.
bool is_in_malloc_heap(AddressRange range);

}  // namespace allocs::preload
