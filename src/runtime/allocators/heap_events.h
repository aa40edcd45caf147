// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/allocators/state.h"
#include "runtime/allocators/wrappers.h"
#include "runtime/index/cell.h"
#include "runtime/index/word.h"

// What the hooks of malloc tell the heap shadow. The common case is in this header, to be inlined into the hook: over glibc a
// block below 1 KiB, in a region that has a leaf, from a call site that is in the cache. Everything else takes the road
// of heap_events.cc. So does NULL, unless its region has a leaf: then a short block that was not had leaves a cell below where blocks
// lie (index::kLowestHeapAddress).
//
// Context of all: hook. No lock, no atomic read-modify-write (but in realloc), no thread-local storage, errno untouched.
namespace allocs::allocators {

// A new block, from whatever allocation function. Returns `block`.
void* allocated(void* block, std::size_t size, Call call);
// The same, when the site is known already: the start cell, complete, and for longer blocks the size cell.
void* allocated_short(void* block, index::Cell start);
void* allocated_longer(void* block, index::Cell start, index::Cell size);
// `block` is about to be freed, and its region has no coarse leaf.
void freed_without_leaf(void* block);

// The whole of realloc. To be jumped to.
void* reallocate(void* block, std::size_t size, const void* caller);

// The same for a function of another name: `resize(arguments...)` has the block as its first argument, and returns where it is then.
using OtherFunction = std::uint64_t (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t);
std::uint64_t reallocate_by(OtherFunction resize, const std::array<std::uint64_t, 4>& arguments,
                            std::size_t size, Call call);

// Of 64 pages of the directories, one bit each: a leaf was made of a region whose word lies there. Context: signal.
std::uint64_t pages_with_leaves(std::uint64_t group);

// The cache's slot for a call site; it may hold another's.
[[gnu::always_inline]] inline const SiteSlot& slot_of(const void* caller) {
  static_assert(sizeof(SiteSlot) == 2 << kSiteSlotShift);
  const std::uint64_t offset = reinterpret_cast<std::uint64_t>(caller) * 2 & g_site_slot_mask;
  return *reinterpret_cast<const SiteSlot*>(reinterpret_cast<const char*>(g_hot.sites.data()) +
                                            offset);
}
// One aligned word, compared in memory: an atomic load would cost an instruction.
[[gnu::always_inline]] inline bool holds(const SiteSlot& slot, const void* caller) {
  return slot.return_address == reinterpret_cast<std::uint64_t>(caller);
}

// Leaves one wrapper of the plainest form, as operator new is. Returns the slot of its caller, or nullptr: one that is not
// so plain, or not in the cache.
[[gnu::always_inline]] inline const SiteSlot* slot_outside_wrapper(Call call) {
  const SiteSlot& slot = slot_of(call.return_address);
  if (slot.return_address != (reinterpret_cast<std::uint64_t>(call.return_address) | kInWrapper))
    return nullptr;
  const runt::PackedRule rule{slot.cells};
  if (rule.base_is_rbp() || call.cfa == 0) [[unlikely]]
    return nullptr;
  const void* const outer = reinterpret_cast<void* const*>(call.cfa + rule.cfa_offset())[-1];
  const SiteSlot& outer_slot = slot_of(outer);
  return holds(outer_slot, outer) ? &outer_slot : nullptr;
}

// The directory word of the region of `start`. The compiler shall form the table's address anew: keeping it in a register
// across the call to the allocator costs a save and a restore.
[[gnu::always_inline]] inline std::uint64_t leaf_of(std::uint64_t start) {
  const std::uint64_t* directory;
  asm volatile("lea allocs_hot_tables+%c1(%%rip), %0"
               : "=r"(directory)
               : "i"(offsetof(HotTables, directory)));
  return index::load_relaxed(directory[start >> index::kRegionShift]);
}
[[gnu::always_inline]] inline index::Cell* cell_in(std::uint64_t leaf, std::uint64_t start) {
  return reinterpret_cast<index::Cell*>(leaf) + (start >> index::kCoarse.cell_shift);
}

// bits + kCode + the bit that says in which half of its cell a block starts, in two instructions.
template <int kCode>
[[gnu::always_inline]] inline index::Cell with_half(std::uint32_t bits, std::uint64_t start) {
  asm("bt $4, %1\n\tadc %2, %0"
      : "+r"(bits)
      : "r"(static_cast<std::uint32_t>(start)), "i"(kCode)
      : "cc");
  return bits;
}

// A block of kBigBlock or more, or nullptr, of a call site whose cell's bits are known.
void* allocated_big(void* block, std::size_t size, std::uint32_t site_bits);

// Allocates with `allocate()` for a caller that the slot holds. What is needed after the call is made before it, and waits in one
// register: the start cell of a short block; of a longer one, both cells.
template <typename Allocate>
[[gnu::always_inline]] inline void* allocate_short(std::size_t size, const SiteSlot& slot,
                                                   Allocate allocate) {
  const std::uint32_t bits =
      site_bits_of(slot.cells) + static_cast<std::uint32_t>(size << index::kSizeShift);
  void* const block = allocate();
  const auto start = reinterpret_cast<std::uint64_t>(block);
  const index::Cell cell = with_half<0>(bits, start);
  const std::uint64_t leaf = leaf_of(start);
  if (leaf == 0) [[unlikely]]
    return allocated_short(block, cell);
  index::store_release(*cell_in(leaf, start), cell);
  return block;
}
template <typename Allocate>
[[gnu::always_inline]] inline void* allocate_longer(std::size_t size, const SiteSlot& slot,
                                                    Allocate allocate) {
  std::uint64_t cells = slot.cells + size;  // less than 1024: it fits the size cell
  void* const block = allocate();
  const auto start = reinterpret_cast<std::uint64_t>(block);
  const auto size_cell = static_cast<index::Cell>(cells);
  const std::uint64_t leaf = leaf_of(start);
  constexpr int kCode = index::kSizeInOneCell << index::kSizeShift;
  const index::Cell cell = with_half<kCode>(site_bits_of(cells), start);
  if (leaf == 0) [[unlikely]]
    return allocated_longer(block, cell, size_cell);
  index::store_relaxed(cell_in(leaf, start)[1], size_cell);
  index::store_release(*cell_in(leaf, start), cell);
  return block;
}

[[gnu::always_inline]] inline void freed(void* block) {
  const auto start = reinterpret_cast<std::uint64_t>(block);
  const std::uint64_t leaf = leaf_of(start);
  if (leaf == 0) [[unlikely]]
    return freed_without_leaf(block);
  index::store_release(reinterpret_cast<index::Cell*>(leaf)[start >> index::kCoarse.cell_shift],
                       index::Cell{0});
}

}  // namespace allocs::allocators
