// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/index/doubling.h"
#include "runtime/index/root.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/stack_query.h"

// What queries found out once about an allocation site or a pc, kept. Entries are added by queries that may allocate and found by all;
// they are never changed or moved, so a reader needs no lock. Memory is bounded by the number of sites, and of pcs that
// stood in frames which were asked about.
namespace allocs::self {

class SiteFactsCache {
 public:
  // nullptr: not known yet. Context: signal.
  const query::SiteFacts* find(std::uint32_t id) const {
    const index::Place place = index::place_of<index::kSiteFirstShift>(id);
    if (place.chunk >= chunks_.size()) return nullptr;
    const Cell* chunk = chunks_[place.chunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk[place.index].load(std::memory_order_acquire);
  }
  // Context: query.
  void put(std::uint32_t id, const query::SiteFacts& facts);

 private:
  using Cell = std::atomic<const query::SiteFacts*>;
  std::array<std::atomic<Cell*>, index::kSiteSegments> chunks_{};
};

extern constinit SiteFactsCache g_site_facts;

// By pc, and by the frame's size where that is fixed. An entry holds as long as its object stays loaded; `generation` is of the
// set of loaded objects. When that has changed, the first to ask makes sure that the object is still the one, and renews it.
class FrameFactsCache {
 public:
  struct Entry {
    std::atomic<Entry*> next;
    std::atomic<std::uint64_t> generation;
    std::uint64_t pc;
    std::uint64_t depth;
    query::FrameFacts facts;
  };

  // The entry for that pc and depth whose object is `object`, or, without one, of that generation. Context: signal.
  Entry* find(std::uint64_t pc, std::uint64_t depth, std::uint64_t generation,
              const query::Object* object) const;
  // Context: query.
  void put(std::uint64_t pc, std::uint64_t depth, std::uint64_t generation,
           const query::FrameFacts& facts);

 private:
  static constexpr std::size_t kBuckets = 1 << 12;
  static std::size_t bucket_of(std::uint64_t pc) { return (pc * 0x9E3779B97F4A7C15u) >> 52; }
  std::array<std::atomic<Entry*>, kBuckets> buckets_{};
};

}  // namespace allocs::self
