// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/site_recorder.h"

#include <link.h>

#include "base/every_process.h"
#include "runtime/allocators/base_level.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/operators.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/pieces.h"
#include "runtime/allocators/recent_sites.h"
#include "runtime/allocators/site_buckets.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/wrappers.h"
#include "runtime/index/cell.h"
#include "runtime/index/doubling.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

ALLOCS_APART constinit SecondBuckets g_second_buckets{};
using Buckets = SiteBuckets<g_second_buckets>;
ALLOCS_BESIDE_ROOT constinit Buckets g_buckets{};
constinit std::uint32_t g_moduleless_sites = 0;  // head of their chain through next_in_module

[[ALLOCS_EVERY_PROCESS]] SiteRecord* new_record(std::uint32_t id) {
  const Place place = place_of<kSiteFirstShift>(id);
  if (place.chunk >= kSiteSegments) return nullptr;
  Address segment = load_acquire(g_root.site_segments[place.chunk]);
  if (segment == Address{}) {
    const std::size_t size = chunk_capacity<kSiteFirstShift>(place.chunk) * sizeof(SiteRecord);
    void* const made = allocate_chunk(size);
    if (made == nullptr) return nullptr;
    if (!compare_exchange(g_root.site_segments[place.chunk], segment, address_of(made))) {
      give_back_chunk(made, size);
    }
  }
  return existing_record(id);
}

[[ALLOCS_EVERY_PROCESS]] std::uint32_t flags_for(Address return_address, ModuleRecord* module) {
  const auto rule = module == nullptr ? std::nullopt : wrapper_rule_at(return_address, *module);
  return rule ? kSiteWrapper | static_cast<std::uint32_t>(rule->bits) << kRuleShift : 0;
}

// In the chain that starts with `id`, up to (not including) `stop`.
[[ALLOCS_EVERY_PROCESS]] std::uint32_t find_in_chain(std::uint32_t id, std::uint32_t stop,
                                                     std::uint64_t return_address) {
  for (; id != 0 && id != stop; id = load_acquire(existing_record(id)->next_in_bucket)) {
    const SiteRecord& record = *existing_record(id);
    if (raw(record.return_address) == return_address && is_live(record)) return id;
  }
  return 0;
}

// In all chains.
[[ALLOCS_EVERY_PROCESS]] std::uint32_t find_known(std::uint64_t return_address) {
  for (unsigned table = Buckets::table_of(load_acquire(g_root.site_count)) + 1; table-- != 0;) {
    const std::uint32_t* const head = g_buckets.head(table, return_address);
    if (head == nullptr) continue;
    const std::uint32_t id = find_in_chain(load_acquire(*head), 0, return_address);
    if (id != 0) return id;
  }
  return 0;
}

std::uint32_t take_id() {
  std::uint32_t last = load_relaxed(g_root.site_count);
  do {
    if (last >= kMaximumSite) return 0;
  } while (!compare_exchange(g_root.site_count, last, last + 1));
  return last + 1;
}

void push_in_module(std::uint32_t& head, SiteRecord& record, std::uint32_t id) {
  std::uint32_t first = load_acquire(head);
  do {
    store_relaxed(record.next_in_module, first);
  } while (!compare_exchange(head, first, id));
}

[[ALLOCS_EVERY_PROCESS]] std::uint32_t add_site(std::uint64_t return_address,
                                                const ModuleOfCode& module) {
  // First, as that takes memory of its own: it lies beside what is there then.
  const std::uint32_t flags = flags_for(Address{return_address}, module.record);
  const std::uint32_t id = take_id();
  SiteRecord* const record = id == 0 ? nullptr : new_record(id);
  if (record == nullptr) {
    fetch_add(g_root.counters.sites_full, std::uint64_t{1});
    return kSiteTableFull;
  }
  record->offset = return_address - module.bias;
  record->instance = module.record == nullptr ? 0 : module.record->instance;
  record->flags = flags;
  store_release(record->return_address, Address{return_address});

  std::uint32_t& bucket = g_buckets.head_for(id, return_address);
  std::uint32_t first = load_acquire(bucket);
  std::uint32_t seen = 0;
  do {
    if (const std::uint32_t other = find_in_chain(first, seen, return_address); other != 0) {
      store_release(record->flags, std::uint32_t{kSiteDuplicate});
      return other;
    }
    seen = first;
    store_relaxed(record->next_in_bucket, first);
  } while (!compare_exchange(bucket, first, id));
  push_in_module(module.record == nullptr ? g_moduleless_sites : module.record->first_site, *record,
                 id);
  return id;
}

SiteSlot& site_slot(std::uint64_t return_address, std::uint64_t mask) {
  return g_hot.sites[(return_address * 2 & mask) / sizeof(SiteSlot)];
}

// Calls act(slot) for each slot in which the address may be: it stays where it was when the cache grows.
template <typename Act>
void for_each_slot_of(std::uint64_t return_address, Act act) {
  for (const std::uint64_t slots : kSiteSlotsInUse)
    act(site_slot(return_address, site_slot_mask(slots)));
}

// A call site's slot holds another's: when that has happened often enough, more slots come into use. (Several threads may count at once, and lose some.)
[[ALLOCS_EVERY_PROCESS]] void let_cache_grow() {
  constexpr std::uint32_t kPatience = 256;
  static constinit std::uint32_t collisions = 0;
  const std::uint32_t count = load_relaxed(collisions) + 1;
  store_relaxed(collisions, count % kPatience);
  if (count % kPatience != 0) return;
  std::uint64_t mask = load_relaxed(g_site_slot_mask);
  for (const std::uint64_t slots : kSiteSlotsInUse) {
    if (site_slot_mask(slots) <= mask) continue;
    compare_exchange(g_site_slot_mask, mask, site_slot_mask(slots));
    return;
  }
}

// In the slot of the cache, if that is nobody's; else in the second table, or nowhere while the cache can grow.
[[ALLOCS_EVERY_PROCESS]] void remember(std::uint64_t return_address, std::uint32_t id) {
  SiteSlot& slot = site_slot(return_address, g_site_slot_mask);
  const runt::PackedRule way_out = way_out_of(*existing_record(id));
  const bool is_wrapper = way_out.bits != 0;
  std::uint64_t unclaimed = 0;
  if (load_relaxed(slot.cells) != 0 ||
      !compare_exchange(slot.cells, unclaimed,
                        is_wrapper ? way_out.bits : cells_of_site(id << kSiteShift))) {
    if (load_relaxed(g_site_slot_mask) != site_slot_mask(kSiteSlots)) return let_cache_grow();
    return store_release(g_recent_sites[recent_site_of(return_address)], id);
  }
  store_release(slot.return_address, is_wrapper ? return_address | kInWrapper : return_address);
}

[[ALLOCS_EVERY_PROCESS]] void forget(std::uint64_t return_address) {
  forget_piece_sites(return_address);
  std::uint32_t& recent = g_recent_sites[recent_site_of(return_address)];
  std::uint32_t id = load_acquire(recent);
  if (id != 0 && raw(existing_record(id)->return_address) == return_address)
    compare_exchange(recent, id, std::uint32_t{0});
  for_each_slot_of(return_address, [=](SiteSlot& slot) {
    if ((load_acquire(slot.return_address) & ~kInWrapper) != return_address) return;
    store_release(slot.return_address, std::uint64_t{0});
    store_release(slot.cells, std::uint64_t{0});
  });
}

// Leaves the slot claimed for ever: its cells stay what they were for a hook that has compared the address already.
void supersede(std::uint64_t return_address) {
  supersede_piece_sites(return_address);
  for_each_slot_of(return_address, [=](SiteSlot& slot) {
    if (load_acquire(slot.return_address) == return_address)
      store_release(slot.return_address, std::uint64_t{0});
  });
}

// Calls act(record) for each site of the chain.
template <typename Act>
void for_each_site(std::uint32_t head, Act act) {
  for (std::uint32_t id = head; id != 0;) {
    SiteRecord& record = *existing_record(id);
    id = load_acquire(record.next_in_module);
    act(record);
  }
}

// ld.so is smaller than that; a mistake does no harm.
bool is_in_loader(std::uint64_t code) {
  constexpr std::uint64_t kLargestLoader = 1 << 20;
  return has_known_loader() && code - _r_debug.r_ldbase < kLargestLoader;
}

Site site_of_record(std::uint32_t id) {
  return {id << kSiteShift, way_out_of(*existing_record(id))};
}

void take_out_of_bucket(std::uint64_t return_address, SiteRecord& record, std::uint32_t id) {
  std::uint32_t& bucket = g_buckets.head_for(id, return_address);
  const std::uint32_t next = load_acquire(record.next_in_bucket);
  std::uint32_t first = id;
  if (compare_exchange(bucket, first, next)) return;
  for (std::uint32_t at = load_acquire(bucket); at != 0;) {
    SiteRecord& before = *existing_record(at);
    at = load_acquire(before.next_in_bucket);
    if (at == id) return store_release(before.next_in_bucket, next);
  }
}

void put_in_bucket(std::uint64_t return_address, SiteRecord& record, std::uint32_t id) {
  std::uint32_t& bucket = g_buckets.head_for(id, return_address);
  std::uint32_t first = load_acquire(bucket);
  do {
    store_relaxed(record.next_in_bucket, first);
  } while (!compare_exchange(bucket, first, id));
}

void retire(SiteRecord& record) {
  forget(raw(record.return_address));
  store_release(record.flags, record.flags | kSiteRetired);
}

// The head of the chain of the sites of a module instance.
std::uint32_t& sites_of(std::uint32_t instance) {
  ModuleRecord* const module = instance == 0 ? nullptr : module_record(instance);
  return module == nullptr ? g_moduleless_sites : module->first_site;
}

}  // namespace

ALLOCS_APART constinit std::array<std::uint32_t, std::size_t{1} << kRecentBits> g_recent_sites{};

namespace {

// A duplicate is in no bucket and never found for a return address; retiring takes it with the others of its module.
std::uint32_t add_duplicate(std::uint32_t original, std::uint32_t flags) {
  if (original < kFirstSite || original > load_acquire(g_root.site_count)) return 0;
  const SiteRecord& of = *existing_record(original);
  const std::uint32_t id = take_id();
  SiteRecord* const record = id == 0 ? nullptr : new_record(id);
  if (record == nullptr) return 0;
  record->offset = of.offset;
  record->instance = of.instance;
  record->flags = kSiteDuplicate | flags | (load_acquire(of.flags) & kSiteRetired);
  store_release(record->return_address, of.return_address);
  push_in_module(sites_of(of.instance), *record, id);
  return id;
}

}  // namespace

std::uint32_t add_typed_site(std::uint32_t original) { return add_duplicate(original, kSiteTyped); }

std::uint32_t add_piece_site(std::uint32_t original, std::uint32_t family) {
  return add_duplicate(original, kSitePiece | family << kFamilyShift);
}

[[ALLOCS_EVERY_PROCESS]] Site site_for(std::uint64_t return_address) {
  if (is_in_loader(return_address)) withdraw_unused_operators();
  const std::uint32_t known = find_known(return_address);
  if (known != 0) {
    const std::uint32_t instance = existing_record(known)->instance;
    if (instance == 0 || is_loaded(instance)) {
      remember(return_address, known);
      return site_of_record(known);
    }
  }
  const ModuleOfCode module = module_of_code(Address{return_address});
  if (!module.is_certain) {
    fetch_add(g_root.counters.sites_unattributed, std::uint64_t{1});
    return {kSiteUnattributed << kSiteShift, {}};
  }
  // The look-up may have retired what was found first.
  std::uint32_t id = find_known(return_address);
  if (id == 0) id = add_site(return_address, module);
  if (id < kFirstSite) return {id << kSiteShift, {}};
  if (!module.is_closing) remember(return_address, id);
  return site_of_record(id);
}

[[ALLOCS_EVERY_PROCESS]] void forget_cached_sites(ModuleRecord& module) {
  for_each_site(load_acquire(module.first_site),
                [](SiteRecord& record) { forget(raw(record.return_address)); });
}

void retire_sites(ModuleRecord& module) { for_each_site(load_acquire(module.first_site), retire); }

void move_sites(ModuleRecord& module) {
  for (std::uint32_t id = load_acquire(module.first_site); id != 0;) {
    SiteRecord& record = *existing_record(id);
    const Address place{module.bias + record.offset};
    const std::uint32_t flags = load_acquire(record.flags);
    if ((flags & (kSiteTyped | kSitePiece)) != 0) {
      store_release(record.return_address, place);
    } else if ((flags & kSiteDuplicate) == 0 && place != record.return_address) {
      take_out_of_bucket(raw(record.return_address), record, id);
      store_release(record.return_address, place);
      put_in_bucket(raw(place), record, id);
    }
    id = load_acquire(record.next_in_module);
  }
}

void revive_sites(ModuleRecord& module) {
  for_each_site(load_acquire(module.first_site), [](SiteRecord& record) {
    store_release(record.flags, record.flags & ~std::uint32_t{kSiteRetired});
  });
}

[[ALLOCS_EVERY_PROCESS]] void reconsider_sites(ModuleRecord& module) {
  for_each_site(load_acquire(module.first_site), [&](SiteRecord& record) {
    if (!is_live(record) || way_out_of(record).bits != 0) return;
    const std::uint32_t flags = flags_for(record.return_address, &module);
    if (flags == 0) return;
    fetch_or(record.flags, flags);
    supersede(raw(record.return_address));
  });
}

[[ALLOCS_EVERY_PROCESS]] void retire_moduleless_sites(AddressRange range) {
  for_each_site(load_acquire(g_moduleless_sites), [&](SiteRecord& record) {
    if (range.contains(record.return_address)) retire(record);
  });
}

}  // namespace allocs::allocators
