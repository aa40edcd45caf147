// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/allocators/state.h"
#include "runtime/index/cell.h"
#include "runtime/index/word.h"

// What the hooks of malloc tell the heap shadow. The common case is in this header, to be inlined into the hook: over glibc a
// block below 1 KiB, in a region that has a leaf, from a call site that is in the cache. Everything else takes the road
// of heap_events.cc, starting with NULL, which lies in a region that never has a leaf, or in a cell that nobody asks for.
//
// Context of all: hook. No lock, no atomic read-modify-write (but in realloc), no thread-local storage, errno untouched.
namespace allocs::allocators {

// A new block. Returns `block`, so that the slow road is a jump.
void* allocated_slow(void* block, std::size_t size, std::uint64_t return_address);
// `block` is about to be freed, and its region has no coarse leaf.
void freed_slow(void* block);

// The whole of realloc.
void* reallocate(void* block, std::size_t size, const void* caller);

[[gnu::always_inline]] inline void* allocated(void* block, std::size_t size, const void* caller) {
  const auto start = reinterpret_cast<std::uint64_t>(block);
  const auto return_address = reinterpret_cast<std::uint64_t>(caller);
  const std::uint64_t leaf = index::load_relaxed(g_hot.directory[start >> index::kRegionShift]);
  if (leaf == 0) [[unlikely]] return allocated_slow(block, size, return_address);
  constexpr std::uint64_t kSlotMask = (kSiteSlots - 1) * sizeof(SiteSlot);
  static_assert(sizeof(SiteSlot) == 2 << kSiteSlotShift);
  const auto& slot = *reinterpret_cast<const SiteSlot*>(reinterpret_cast<const char*>(g_hot.sites.data()) +
                                                       (return_address * 2 & kSlotMask));
  if (index::load_acquire(slot.return_address) != return_address) [[unlikely]] {
    return allocated_slow(block, size, return_address);
  }
  auto* const cell = reinterpret_cast<index::Cell*>(leaf) + (start >> index::kCoarse.cell_shift);
  std::uint32_t code = static_cast<std::uint32_t>(size);
  if (size > index::kMaximumShortSize) {
    if (size >= index::kBigBlock) [[unlikely]] return allocated_slow(block, size, return_address);
    index::store_relaxed(cell[1], index::size_cell(size));
    code = index::kSizeInOneCell;
  }
  const std::uint32_t half = static_cast<std::uint32_t>(start >> 4) & 1;
  index::store_release(*cell, index::start_cell(index::load_relaxed(slot.site_bits), code, half));
  return block;
}

[[gnu::always_inline]] inline void freed(void* block) {
  const auto start = reinterpret_cast<std::uint64_t>(block);
  const std::uint64_t leaf = index::load_relaxed(g_hot.directory[start >> index::kRegionShift]);
  if (leaf == 0) [[unlikely]] return freed_slow(block);
  index::store_release(reinterpret_cast<index::Cell*>(leaf)[start >> index::kCoarse.cell_shift], index::Cell{0});
}

}  // namespace allocs::allocators
