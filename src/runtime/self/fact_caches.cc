// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/fact_caches.h"

#include <new>

#include "runtime/self/memory.h"

namespace allocs::self {

constinit SiteFactsCache g_site_facts;

void SiteFactsCache::put(std::uint32_t id, const query::SiteFacts& facts) {
  const index::Place place = index::place_of<index::kSiteFirstShift>(id);
  if (place.chunk >= chunks_.size()) return;
  auto& chunk = chunks_[place.chunk];
  Cell* cells = chunk.load(std::memory_order_acquire);
  if (cells == nullptr) {
    const std::size_t count = index::chunk_capacity<index::kSiteFirstShift>(place.chunk);
    auto* made = static_cast<Cell*>(allocate(count * sizeof(Cell)));
    if (made == nullptr) return;
    if (chunk.compare_exchange_strong(cells, made, std::memory_order_acq_rel)) cells = made;
  }
  void* memory = allocate(sizeof(query::SiteFacts));
  if (memory == nullptr) return;
  const query::SiteFacts* none = nullptr;
  cells[place.index].compare_exchange_strong(none, new (memory) query::SiteFacts(facts),
                                             std::memory_order_acq_rel);
}

FrameFactsCache::Entry* FrameFactsCache::find(std::uint64_t pc, std::uint64_t depth,
                                              std::uint64_t generation,
                                              const query::Object* object) const {
  for (Entry* entry = buckets_[bucket_of(pc)].load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next.load(std::memory_order_acquire)) {
    if (entry->pc != pc || entry->depth != depth) continue;
    if (object == nullptr ? entry->generation.load(std::memory_order_acquire) == generation
                          : entry->facts.object == object) {
      return entry;
    }
  }
  return nullptr;
}

void FrameFactsCache::put(std::uint64_t pc, std::uint64_t depth, std::uint64_t generation,
                          const query::FrameFacts& facts) {
  if (Entry* known = find(pc, depth, generation, facts.object)) {
    known->generation.store(generation, std::memory_order_release);
    return;
  }
  void* memory = allocate(sizeof(Entry));
  if (memory == nullptr) return;
  auto* entry = new (memory)
      Entry{.next = nullptr, .generation = generation, .pc = pc, .depth = depth, .facts = facts};
  auto& bucket = buckets_[bucket_of(pc)];
  Entry* head = bucket.load(std::memory_order_acquire);
  do {
    entry->next.store(head, std::memory_order_relaxed);
  } while (!bucket.compare_exchange_weak(head, entry, std::memory_order_acq_rel));
}

}  // namespace allocs::self
