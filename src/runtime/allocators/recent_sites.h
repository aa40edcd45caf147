// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "runt/rule_cache.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/wrappers.h"
#include "runtime/index/doubling.h"
#include "runtime/index/records.h"
#include "runtime/index/word.h"

// The second table behind the site cache, for call sites whose slot there holds another's: two places that allocate and lie a multiple of
// 128 KiB apart, code made at run time. It is used once the cache has all its slots; until then such sites go the slow road, and when that has
// happened some hundreds of times the cache gets more slots.
//
// A word of it is the id of a site, the last one that was looked up under that hash; the record itself says whether it is the one that
// is wanted. So an entry can be replaced at any time by a plain store, which the cache's slots of two words cannot: who reads the old one has
// a site that is as true as before, and who finds another's goes the slow road and puts his own there.
//
// Cost: 90 instructions more than the cache, where the slow road takes 330; 16 KiB of address space, of which those pages are touched that are used.
namespace allocs::allocators {

inline index::SiteRecord* existing_record(std::uint32_t id) {
  const index::Place place = index::place_of<index::kSiteFirstShift>(id);
  const Address segment = index::load_acquire(g_root.site_segments[place.chunk]);
  return reinterpret_cast<index::SiteRecord*>(raw(segment)) + place.index;
}

inline bool is_live(const index::SiteRecord& record) {
  return (index::load_acquire(record.flags) & (index::kSiteRetired | index::kSiteDuplicate)) == 0;
}

// The rule of a site in a wrapper is kept above the flags.
inline constexpr unsigned kRuleShift = 8;
static_assert(runt::PackedRule::kSize + kRuleShift <= 32);
inline runt::PackedRule way_out_of(const index::SiteRecord& record) {
  return {index::load_acquire(record.flags) >> kRuleShift};
}

inline constexpr unsigned kRecentBits = 12;
constexpr std::uint64_t recent_site_of(std::uint64_t return_address) {
  return return_address * 0x9E3779B97F4A7C15u >> (64 - kRecentBits);
}
extern ALLOCS_OWN std::array<std::uint32_t, std::size_t{1} << kRecentBits> g_recent_sites;

// Leaves the wrappers that both tables know. Returns the site of the caller outside, where a start cell has it; 0: that is not in them,
// and `call` is the first one that is not.
[[gnu::always_inline]] inline std::uint32_t cached_site_bits(Call& call) {
  for (int level = 0; level <= kMaximumWrappers; ++level) {
    const auto return_address = reinterpret_cast<std::uint64_t>(call.return_address);
    const SiteSlot& slot = slot_of(call.return_address);
    if (holds(slot, call.return_address)) return site_bits_of(index::load_acquire(slot.cells));
    runt::PackedRule way_out{};
    if (index::load_acquire(slot.return_address) == (return_address | kInWrapper)) {
      way_out = {slot.cells};
    } else {
      if (g_site_slot_mask != site_slot_mask(kSiteSlots)) [[unlikely]]
        return 0;
      const std::uint32_t id = index::load_acquire(g_recent_sites[recent_site_of(return_address)]);
      if (id == 0) return 0;
      // First whether it lives, then its place, which changes only while it does not.
      const index::SiteRecord& record = *existing_record(id);
      const std::uint32_t flags = index::load_acquire(record.flags);
      if ((flags & (index::kSiteRetired | index::kSiteDuplicate)) != 0 ||
          raw(index::load_acquire(record.return_address)) != return_address)
        return 0;
      way_out = {flags >> kRuleShift};
      if (way_out.bits == 0) return id << index::kSiteShift;
    }
    if (!step_out(call, way_out)) return 0;
  }
  return 0;
}

}  // namespace allocs::allocators
