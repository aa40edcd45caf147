// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runtime/allocators/state.h"
#include "runtime/index/find_block.h"
#include "runtime/self/fact_caches.h"

namespace allocs::self {

// The short road for what is asked most: a settled heap block whose site has been looked into before. It gives what
// query::query_heap() would, in fewer instructions; where it gives nothing, ask query::query().
struct KnownBlock {
  index::Block block;
  const query::SiteFacts* facts;

  uniqtype* type() const { return query::fits(*facts, block.size) ? facts->type : nullptr; }
};

// What the index says of an address: `is_in_heap` false means that no block is there, so that nobody need ask it again.
struct HeapLook {
  bool is_in_heap = false;
  std::optional<KnownBlock> known{};
};

// Context: signal.
inline HeapLook look_in_heap(Address at) {
  const auto block = index::find_block(TrustedMemory{}, allocators::g_root, at);
  if (!block) return {};
  if (block->state != index::BlockState::known) return {.is_in_heap = true};
  const query::SiteFacts* facts = g_site_facts.find(block->site);
  if (facts == nullptr || facts->is_in_loader) return {.is_in_heap = true};
  return {.is_in_heap = true, .known = KnownBlock{*block, facts}};
}

}  // namespace allocs::self
