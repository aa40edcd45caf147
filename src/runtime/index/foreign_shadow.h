// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/index/heap_shadow.h"

// The heap shadow over an allocator that is not glibc's.
//
// The problem. Its blocks have no head, so they lie closer together: in a cell of 32 bytes two blocks of 16 may start, or four of 8, and
// the cell after a start may be another's already. Cells of 8 bytes are enough for any of them, but they are half as large as
// the heap: a server with a heap of 200 MiB had 90 MiB of them, and took twice the page faults and cache misses.
//
// The idea. Two shadows, one of coarse cells and one of fine ones. A block of 17 bytes or more that starts at a multiple of 16 goes to the
// coarse ones, all others to the fine ones. Malloc must align whatever is large enough to hold a number of 16 bytes, so those others are
// small, and there are few.
//
// Why that works. The next block of the coarse shadow starts at a multiple of 16, at least 32 bytes further: no two start in one cell. What lies
// in between of the other shadow writes no coarse cell. A block of 61 bytes or more has 64 to itself among those of its shadow, so
// the cell after its start is its own; shorter ones have their size in the start cell. A boundary has a record only if more than 16
// bytes of the block follow: then the next block of the coarse shadow starts beyond the boundary's cell.
//
// Whoever frees a block knows where it starts, not how large it is: it is in the coarse shadow, if a start is noted just there,
// otherwise in the fine one. A block that goes to the fine shadow clears a start that one which went unseen has left at the same place.
// Readers ask one shadow and then the other; no byte is in blocks of both. (A start that one has left somewhere else can still hide small
// blocks that begin less than 1 KiB above it.)
//
// Cost: as heap_shadow.h says; of blocks of at most 16 bytes half their size.
//
// Rejected: asking for 17 bytes where a program wants fewer, so that all would be coarse (the program sees it, and pays); cells of
// 16 bytes (a quarter of the heap).
namespace allocs::index {

constexpr bool has_coarse_cell(std::uint64_t start, std::uint64_t size) {
  return (start & 15) == 0 && size > 16;
}

// As ShadowWriter, and made of two of them.
template <typename CoarseWriter, typename FineWriter, typename Store = DirectStore>
class ForeignShadowWriter {
 public:
  ForeignShadowWriter(CoarseWriter coarse, FineWriter fine, Store store = {})
      : coarse_(coarse), fine_(fine), store_(store) {}

  bool insert(std::uint64_t start, std::uint64_t size, std::uint32_t site_bits) const {
    if (has_coarse_cell(start, size)) return coarse_.insert(start, size, site_bits);
    if (Cell* const stale = coarse_.cell_of_block(start); stale != nullptr)
      store_.publish(stale, Cell{0});
    return fine_.insert(start, size, site_bits);
  }

  void erase(std::uint64_t start) const {
    if (Cell* const cell = coarse_.cell_of_block(start); cell != nullptr) {
      store_.publish(cell, Cell{0});
    } else {
      fine_.erase(start);
    }
  }

 private:
  CoarseWriter coarse_;
  FineWriter fine_;
  [[no_unique_address]] Store store_;
};

}  // namespace allocs::index
