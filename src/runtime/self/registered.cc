// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/registered.h"

#include <cstring>

#include "runtime/index/find_block.h"
#include "runtime/query/tree.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"
#include "runtime/self/statistics.h"

namespace allocs::self {

namespace {

using query::Answer;

struct Registered {
  allocator* which;
  const alloc_protocol* protocol;
  std::atomic<Registered*> next;
};
constinit std::atomic<Registered*> g_registered{nullptr};

// What a pool is, apart from its state.
struct Facts {
  query::Allocator host = query::Allocator::none;
  const void* host_owner = nullptr;
  AddressRange range{};
  std::uint32_t site = 0;  // of a block of malloc
  const Registered* owner = nullptr;
  alloc_info info{};
};
struct Pool {
  std::atomic<std::uint32_t> changes;  // odd: it is in use
  Facts facts;
};
constexpr std::size_t kPoolsInChunk = 64, kChunks = 256;
constinit std::atomic<Pool*> g_chunks[kChunks] = {};
constinit ProcessLock g_lock;
constexpr unsigned kPatience = 2000;  // ms

const Registered* find_registered(const void* which) {
  for (const Registered* each = g_registered.load(std::memory_order_acquire); each != nullptr;
       each = each->next.load(std::memory_order_acquire)) {
    if (each->which == which) return each;
  }
  return nullptr;
}

Pool* pool_of(std::size_t number) {
  Pool* const chunk = g_chunks[number / kPoolsInChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk + number % kPoolsInChunk;
}

std::optional<index::Block> block_at(Address at) {
  return index::find_block(TrustedMemory{}, allocators::g_root, at);
}

bool is_current(const Facts& facts) {
  if (!query::is_block(facts.host)) return true;
  const auto block = block_at(facts.range.begin);
  return block && block->state == index::BlockState::known && block->base == facts.range.begin &&
         block->site == facts.site && block->size == facts.range.size();
}

// Calls visit(const Facts&, Pool&) for each pool in use, with a copy of what it is, until it returns false.
template <typename Visit>
void for_each_pool(Visit&& visit) {
  const std::size_t count = g_pools.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    Pool* const pool = pool_of(i);
    if (pool == nullptr) return;
    const std::uint32_t before = pool->changes.load(std::memory_order_acquire);
    if (before % 2 == 0) continue;
    Facts facts;
    std::memcpy(static_cast<void*>(&facts), &pool->facts, sizeof facts);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (pool->changes.load(std::memory_order_relaxed) != before) continue;
    if (!visit(static_cast<const Facts&>(facts), *pool)) return;
  }
}

Answer answer_from(const Facts& pool, const alloc_info& child) {
  const Address base = address_of(child.base);
  const AddressRange range{base, base + child.size};
  if (child.size == 0 || base < pool.range.begin || range.end > pool.range.end || range.end < base)
    return Answer::cannot_tell(ALLOC_E_CONFLICT);
  Answer answer = Answer::of(query::Allocator::registered, range, child.evidence);
  answer.owner = pool.owner->which;
  answer.name = child.name;
  answer.site = address_of(child.site);
  if (child.type != nullptr) {
    const std::uint8_t grade = child.type_grade;
    answer.set_type(child.type, grade == 0 ? std::uint8_t{ALLOC_GRADE_EXACT} : grade);
  }
  return answer;
}

unsigned flags_of(const SelfProcess& process) { return process.may_wait() ? 0 : ALLOC_NOWAIT; }

Answer find_in(const SelfProcess& process, const Facts& pool, Address at) {
  const alloc_protocol& protocol = *pool.owner->protocol;
  alloc_info child{};
  const int error =
      protocol.find(protocol.context, &pool.info, reinterpret_cast<const void*>(raw(at)),
                    flags_of(process), &child);
  if (error != ALLOC_OK) return Answer::cannot_tell(error);
  const Answer answer = answer_from(pool, child);
  return answer.error != ALLOC_OK || answer.range.contains(at)
             ? answer
             : Answer::cannot_tell(ALLOC_E_CONFLICT);
}

// The pool that `parent` itself is.
std::optional<Facts> pool_in(const Answer& parent) {
  std::optional<Facts> found;
  if (!has_pools()) return found;
  for_each_pool([&](const Facts& facts, Pool&) {
    if (facts.host == parent.allocator && facts.host_owner == parent.owner &&
        facts.range == parent.range && is_current(facts))
      found = facts;
    return !found;
  });
  return found;
}

}  // namespace

constinit std::atomic<std::size_t> g_pools{0};

void prefer_nested(const SelfProcess& process, Address at, Answer& answer) {
  if (answer.error != ALLOC_OK) return;
  // The smallest pool is the innermost one.
  std::uint64_t tried = 0;
  for (;;) {
    std::optional<Facts> innermost;
    for_each_pool([&](const Facts& facts, Pool&) {
      const std::uint64_t size = facts.range.size();
      if (facts.range.contains(at) && size > tried &&
          (!innermost || size < innermost->range.size()) && is_current(facts))
        innermost = facts;
      return true;
    });
    if (!innermost) return;
    // What the built-in allocators know to lie in a pool is surer.
    if (answer.range.size() < innermost->range.size()) return;
    const Answer nested = find_in(process, *innermost, at);
    if (nested.error != ALLOC_E_NOTHING_THERE) {
      answer = nested;
      return;
    }
    tried = innermost->range.size();
  }
}

Answer SelfProcess::nested_at(const Answer& parent, Address at) const {
  const auto pool = pool_in(parent);
  return pool ? find_in(*this, *pool, at) : Answer{};
}

Answer SelfProcess::nested_from(const Answer& parent, Address from) const {
  const auto pool = pool_in(parent);
  if (!pool) return {};
  const alloc_protocol& protocol = *pool->owner->protocol;
  alloc_info child{};
  const int error =
      protocol.next(protocol.context, &pool->info, reinterpret_cast<const void*>(raw(from)),
                    flags_of(*this), &child);
  if (error != ALLOC_OK) return Answer::cannot_tell(error);
  const Answer answer = answer_from(*pool, child);
  return answer.error != ALLOC_OK || answer.range.begin >= from
             ? answer
             : Answer::cannot_tell(ALLOC_E_CONFLICT);
}

const alloc_protocol* registered_protocol(const allocator* which) {
  const Registered* const found = find_registered(which);
  return found == nullptr ? nullptr : found->protocol;
}

int register_allocator(allocator* which, const alloc_protocol* protocol) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  if (find_registered(which) != nullptr) return ALLOC_E_INVALID;
  auto* const made = static_cast<Registered*>(allocate(sizeof(Registered)));
  if (made == nullptr) return ALLOC_E_NO_MEMORY;
  made->which = which;
  made->protocol = protocol;
  made->next.store(g_registered.load(std::memory_order_relaxed), std::memory_order_relaxed);
  g_registered.store(made, std::memory_order_release);
  return ALLOC_OK;
}

int promote(const Answer& host, const alloc_info& info, allocator* which) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  Facts facts{.host = host.allocator, .host_owner = host.owner, .range = host.range, .info = info};
  facts.owner = find_registered(which);
  if (facts.owner == nullptr) return ALLOC_E_INVALID;
  if (pool_in(host)) return ALLOC_E_HAS_CHILDREN;
  if (const auto block =
          query::is_block(host.allocator) ? block_at(host.range.begin) : std::nullopt)
    facts.site = block->site;
  Pool* free = nullptr;
  const std::size_t count = g_pools.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count && free == nullptr; ++i) {
    Pool* const pool = pool_of(i);
    const bool is_used = pool->changes.load(std::memory_order_relaxed) % 2 != 0;
    // A ghost: its block went without its being demoted.
    if (is_used && !is_current(pool->facts)) pool->changes.fetch_add(1, std::memory_order_acq_rel);
    if (!is_used) free = pool;
  }
  if (free == nullptr) {
    if (count == kPoolsInChunk * kChunks) return ALLOC_E_NO_MEMORY;
    if (pool_of(count) == nullptr) {
      auto* const chunk = static_cast<Pool*>(allocate(kPoolsInChunk * sizeof(Pool)));
      if (chunk == nullptr) return ALLOC_E_NO_MEMORY;
      g_chunks[count / kPoolsInChunk].store(chunk, std::memory_order_release);
    }
    free = pool_of(count);
    g_pools.store(count + 1, std::memory_order_release);
  }
  free->facts = facts;
  free->changes.fetch_add(1, std::memory_order_acq_rel);
  g_statistics.take_long_road();
  return ALLOC_OK;
}

int demote(Address at) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  Pool* innermost = nullptr;
  std::uint64_t size = ~std::uint64_t{0};
  for_each_pool([&](const Facts& facts, Pool& pool) {
    if (facts.range.contains(at) && facts.range.size() < size) {
      innermost = &pool;
      size = facts.range.size();
    }
    return true;
  });
  if (innermost == nullptr) return ALLOC_E_NOTHING_THERE;
  innermost->changes.fetch_add(1, std::memory_order_acq_rel);
  return ALLOC_OK;
}

}  // namespace allocs::self
