// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/every_process.h"
#include "runtime/index/cell.h"
#include "runtime/index/root.h"

// On the declaration of a variable: it is in this library, so its address is one instruction away.
#define ALLOCS_OWN __attribute__((visibility("hidden")))

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

// Return addresses are told apart by their lowest bits, eight bytes of code a slot: calls that are nearer than that are rare, and near calls
// share a page of the cache. How many bits are used grows while the program runs: most processes end before they have fifty call sites,
// and each page that they touch costs them a fault.
inline constexpr unsigned kSiteSlotShift = 3;
inline constexpr std::array<std::uint64_t, 3> kSiteSlotsInUse{1 << 8, 1 << 11, 1 << 14};
inline constexpr std::uint64_t kSiteSlots = kSiteSlotsInUse.back();

// Of twice a return address: the bits that are the offset of its slot.
constexpr std::uint64_t site_slot_mask(std::uint64_t slots) {
  return (slots - 1) * sizeof(SiteSlot);
}

// What every malloc and free touches, in one object, so that one register addresses it all. 16 MiB of address space; the memory
// is what is touched: a page for 32 GiB of heap span, and of the site cache one page, 8 or 64.
struct alignas(4096) HotTables {
  std::array<SiteSlot, kSiteSlots> sites;
  // The first memory of our own, given out from its end down (own_memory.cc): so the first of it, records of sites and modules, which are written to
  // when a site is added, lie on one page, with the directory's first word, which free(NULL) reads.
  std::array<std::byte, 3 * 4096 + 3712> first_block;
  std::array<std::uint64_t, index::kRegionCount> directory;
};

extern ALLOCS_OWN HotTables g_hot asm("allocs_hot_tables");
// Which slots are in use: one of site_slot_mask(). Read as a plain word, as SiteSlot::return_address is; whoever has an older one finds what was true.
extern ALLOCS_OWN std::uint64_t g_site_slot_mask;
// There is no memory for the directories over a foreign allocator: then no block is recorded at all.
extern ALLOCS_OWN bool g_indexes_nothing;
extern ALLOCS_OWN index::Root g_root;  // exported as __allocs_root

// Fills in the addresses of the root. Context: hook.
void open_root();

}  // namespace allocs::allocators
