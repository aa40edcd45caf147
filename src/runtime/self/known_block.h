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
  const query::SiteFacts* facts = nullptr;

  // Not from the facts: the module may have moved since they were found out.
  Address site() const {
    const auto record = index::site_record_of(TrustedMemory{}, allocators::g_root, block.site);
    return record ? record->return_address : Address{};
  }
  uniqtype* type() const { return query::fits(*facts, block.size) ? facts->type : nullptr; }
};

enum class HeapLook : std::uint8_t {
  nothing_there,  // no block is there: nobody need ask the index again
  block,          // one is there, but it takes the long road
  known_block,
};

// Fills `known` if it says so. Inlined into the getters: a struct of six words that is handed on costs them as much as the search.
// Context: signal.
[[gnu::always_inline]] inline HeapLook look_in_heap(Address at, KnownBlock& known) {
  if (!index::find_block(TrustedMemory{}, allocators::g_root, at, known.block))
    return HeapLook::nothing_there;
  if (known.block.state != index::BlockState::known) return HeapLook::block;
  known.facts = g_site_facts.find(known.block.site);
  if (known.facts == nullptr || known.facts->is_in_loader) return HeapLook::block;
  return HeapLook::known_block;
}

}  // namespace allocs::self
