// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "runtime/index/cell.h"
#include "runtime/index/root.h"

// On the declaration of a variable: it is in this library, so its address is one instruction away.
#define ALLOCS_OWN __attribute__((visibility("hidden")))

// On the definition of a large table that is touched here and there: it goes behind the small variables, which then share
// a page or two. (Each page that start-up touches costs a fault.)
#if defined(__clang__)
#define ALLOCS_LARGE
#else
#define ALLOCS_LARGE __attribute__((section(".lbss")))
#endif

// The run time's state in its own process. All of it is constant-initialised and shut until opened: a hook that comes
// before start-up works, and a question gets a true, empty answer.
namespace allocs::allocators {

// One entry of the site cache: a return address that calls malloc, and its site as the start cell and the size cell of a
// block want it; or one in an allocation wrapper, and the way out (wrappers.h). Written once: `cells` goes from 0 to its
// value, then comes the address. Emptied only when the module of the address is unloaded, at which time no thread can be in it.
struct SiteSlot {
  std::uint64_t return_address = 0;
  std::uint64_t cells =
      0;  // high half: a start cell with the site alone; low half: a size cell of size 0
};
static_assert(sizeof(SiteSlot) == 16);

constexpr std::uint64_t cells_of_site(std::uint32_t site_bits) {
  return std::uint64_t{site_bits} << 32 | index::kSizeCell;
}
constexpr std::uint32_t site_bits_of(std::uint64_t cells) {
  return static_cast<std::uint32_t>(cells >> 32);
}

// Return addresses are told apart by their 2^17 lowest bits, eight bytes a slot: calls that are nearer than that are rare, and
// near calls share a page of the cache.
inline constexpr unsigned kSiteSlotShift = 3;
inline constexpr std::uint64_t kSiteSlots = std::uint64_t{1} << 14;
constexpr std::uint64_t site_slot_of(std::uint64_t return_address) {
  return (return_address >> kSiteSlotShift) & (kSiteSlots - 1);
}

// What every malloc and free touches, in one object, so that one register addresses it all. 16 MiB of address space; the memory
// is what is touched: a page for 32 GiB of heap span, a page for 2 KiB of code that allocates.
struct alignas(4096) HotTables {
  std::array<std::uint64_t, index::kRegionCount> directory;
  std::array<SiteSlot, kSiteSlots> sites;
};

extern ALLOCS_OWN HotTables g_hot asm("allocs_hot_tables");
// There is no memory for the directories over a foreign allocator: then no block is recorded at all.
extern ALLOCS_OWN bool g_indexes_nothing;
extern ALLOCS_OWN index::Root g_root;  // exported as __allocs_root

// Fills in the addresses of the root. Context: hook.
void open_root();

}  // namespace allocs::allocators
