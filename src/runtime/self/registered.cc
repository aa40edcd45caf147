// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/registered.h"

#include <cstring>

#include "base/every_process.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/index/find_block.h"
#include "runtime/query/tree.h"
#include "runtime/self/fork_handler.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"
#include "runtime/self/pieces.h"
#include "runtime/self/pool_memory.h"
#include "runtime/self/statistics.h"

namespace allocs::self {

namespace {

using query::Answer;

struct Registered {
  allocator* which;
  const alloc_protocol* protocol;
  const void* context;  // as it was then
  bool nests;
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
  std::atomic<bool> is_edited;         // a PoolEdit has it: nothing in it is told
  std::atomic<std::uint32_t> edits;    // how many there were
  Facts facts;
};
// A copy of what a pool was, and which one: it is still that as long as the number has not changed.
struct Seen : Facts {
  Pool* pool = nullptr;
  std::uint32_t changes = 0, edits = 0;
  bool is_still_there() const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return pool->changes.load(std::memory_order_seq_cst) == changes;
  }
  // What to say of a place in it if it is not. Where it is a pool no more, its host may be told; where its host was resized meanwhile, may not.
  Answer changed() const {
    const bool was_edited = pool->edits.load(std::memory_order_seq_cst) != edits ||
                            pool->is_edited.load(std::memory_order_seq_cst);
    return was_edited ? Answer::cannot_tell(ALLOC_E_BEING_RESIZED) : Answer{};
  }
};
constexpr std::size_t kPoolsInChunk = 64, kChunks = 256;
ALLOCS_APART constinit std::atomic<Pool*> g_chunks[kChunks] = {};
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

// Calls visit(const Seen&, Pool&) for each pool in use, with a copy of what it is, until it returns false.
template <typename Visit>
void for_each_pool(Visit&& visit) {
  const std::size_t count = g_pools.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    Pool* const pool = pool_of(i);
    if (pool == nullptr) return;
    const std::uint32_t before = pool->changes.load(std::memory_order_acquire);
    if (before % 2 == 0) continue;
    Seen seen;
    seen.edits = pool->edits.load(std::memory_order_acquire);
    std::memcpy(static_cast<void*>(static_cast<Facts*>(&seen)), &pool->facts, sizeof(Facts));
    seen.pool = pool;
    seen.changes = before;
    if (!seen.is_still_there()) continue;
    if (!visit(static_cast<const Seen&>(seen), *pool)) return;
  }
}

// What was found in `parent`, which is the pool or, if its allocator nests, an allocation in it.
Answer answer_from(const Facts& pool, AddressRange parent, const alloc_info& child) {
  const Address base = address_of(child.base);
  const AddressRange range{base, base + child.size};
  if (child.size == 0 || base < parent.begin || range.end > parent.end || range.end < base)
    return Answer::cannot_tell(ALLOC_E_CONFLICT);
  Answer answer = Answer::of(query::Allocator::registered, range, child.evidence);
  answer.owner =
      pool.owner->nests && child.allocator != nullptr ? child.allocator : pool.owner->which;
  answer.name = child.name;
  answer.site = address_of(child.site);
  if (child.type != nullptr) {
    const std::uint8_t grade = child.type_grade;
    answer.set_type(child.type, grade == 0 ? std::uint8_t{ALLOC_GRADE_EXACT} : grade);
  }
  return answer;
}

// What stopped threads hold is not waited for.
unsigned flags_of(const SelfProcess& process) {
  return process.may_wait() && !allocators::others_are_stopped() ? 0 : ALLOC_NOWAIT;
}

using Slot = decltype(alloc_protocol::find);

// Asks `find` or `next` of the pool's allocator about `parent`: nullptr for the pool itself.
Answer ask_allocator(const SelfProcess& process, const Seen& pool, const Answer* parent, Slot slot,
                     Address at) {
  const PoolReader reader;
  if (!pool.is_still_there() || pool.pool->is_edited.load(std::memory_order_acquire))
    return pool.changed();
  alloc_info in = pool.info;
  if (parent != nullptr) {
    in.base = reinterpret_cast<const void*>(raw(parent->range.begin));
    in.size = parent->range.size();
    in.allocator = pool.owner->which;
    in.type = parent->type;
    in.name = parent->name;
  }
  alloc_info child{};
  const int error = slot(pool.owner->protocol->context, &in, reinterpret_cast<const void*>(raw(at)),
                         flags_of(process), &child);
  if (!pool.is_still_there()) return pool.changed();
  if (error != ALLOC_OK) return Answer::cannot_tell(error);
  return answer_from(pool, parent != nullptr ? parent->range : pool.range, child);
}

Answer find_in(const SelfProcess& process, const Seen& pool, const Answer* parent, Address at) {
  const Answer answer = ask_allocator(process, pool, parent, pool.owner->protocol->find, at);
  return answer.error != ALLOC_OK || answer.range.contains(at)
             ? answer
             : Answer::cannot_tell(ALLOC_E_CONFLICT);
}

// What lies in allocations of an allocator that nests, down to the leaf. If what lies in one cannot be told, nor can the leaf: the allocation is not told for it. Each lies in the one
// before, and none is its own child, so this ends.
Answer find_leaf(const SelfProcess& process, const Seen& pool, Address at) {
  Answer leaf = find_in(process, pool, nullptr, at);
  while (leaf.error == ALLOC_OK && pool.owner->nests && leaf.owner == pool.owner->which) {
    const Answer below = find_in(process, pool, &leaf, at);
    if (below.error == ALLOC_E_NOTHING_THERE) break;
    if (query::is_same(below, leaf)) return Answer::cannot_tell(ALLOC_E_CONFLICT);
    leaf = below;
  }
  return leaf;
}

// The pool that `parent` itself is.
std::optional<Seen> pool_in(const Answer& parent) {
  std::optional<Seen> found;
  if (!has_pools()) return found;
  for_each_pool([&](const Seen& pool, Pool&) {
    if (pool.host == parent.allocator && pool.host_owner == parent.owner &&
        pool.range == parent.range && is_current(pool))
      found = pool;
    return !found;
  });
  return found;
}

// The innermost one of the allocator `which`, or of any if that is nullptr, around `at`.
std::optional<Seen> pool_around(const void* which, Address at) {
  std::optional<Seen> innermost;
  for_each_pool([&](const Seen& pool, Pool&) {
    if ((which == nullptr || pool.owner->which == which) && pool.range.contains(at) &&
        (!innermost || pool.range.size() < innermost->range.size()) && is_current(pool))
      innermost = pool;
    return true;
  });
  return innermost;
}

// An allocation may fill the pool that it lies in, and be a pool itself: several have the same range then. The outermost of them, or the innermost.
Seen last_of_range(const Seen& pool, bool inward) {
  Seen last = pool;
  for (unsigned i = 0; i < query::kDeepestTree; ++i) {
    std::optional<Seen> next;
    for_each_pool([&](const Seen& each, Pool&) {
      const Facts &inner = inward ? each : last, &outer = inward ? last : each;
      if (each.range == last.range && each.pool != last.pool &&
          inner.host == query::Allocator::registered && inner.host_owner == outer.owner->which &&
          is_current(each))
        next = each;
      return !next;
    });
    if (!next) break;
    last = *next;
  }
  return last;
}

// The leaf in the pool, and in those of the same range in it.
Answer find_in_pools(const SelfProcess& process, Seen pool, Address at) {
  Answer leaf = find_leaf(process, pool, at);
  for (unsigned i = 0; leaf.error == ALLOC_OK && leaf.range == pool.range; ++i) {
    const auto inner = pool_in(leaf);
    if (!inner || inner->pool == pool.pool) break;
    if (i == query::kDeepestTree) return Answer::cannot_tell(ALLOC_E_CONFLICT);
    const Answer below = find_leaf(process, *inner, at);
    if (below.error == ALLOC_E_NOTHING_THERE) break;
    leaf = below;
    pool = *inner;
  }
  return leaf;
}

// Calls ask(pool, parent) with the pool in which the children of `parent` are, if it may have any.
template <typename Ask>
Answer ask_about_children(const Answer& parent, Ask ask) {
  if (const auto pool = pool_in(parent)) return ask(*pool, nullptr);
  if (parent.allocator != query::Allocator::registered) return {};
  const Registered* const owner = find_registered(parent.owner);
  if (owner == nullptr || !owner->nests) return {};
  const auto pool = pool_around(parent.owner, parent.range.begin);
  return pool ? ask(*pool, &parent) : Answer{};
}

void retire(Pool& pool) {
  void* const memory = pool_memory_of(pool.facts.info);
  pool.changes.fetch_add(1, std::memory_order_seq_cst);
  give_back_pool_memory(memory);
}

}  // namespace

constinit std::atomic<std::size_t> g_pools{0};

void prefer_nested(const SelfProcess& process, Address at, Answer& answer) {
  if (allocators::has_pieces()) prefer_piece(process, at, answer);
  if (!has_pools() || answer.error != ALLOC_OK) return;
  // The smallest pool is the innermost one.
  std::uint64_t tried = 0;
  for (;;) {
    std::optional<Seen> innermost;
    for_each_pool([&](const Seen& pool, Pool&) {
      const std::uint64_t size = pool.range.size();
      if (pool.range.contains(at) && size > tried &&
          (!innermost || size < innermost->range.size()) &&
          (pool.pool->is_edited || is_current(pool)))
        innermost = pool;
      return true;
    });
    if (!innermost) return;
    // What the built-in allocators know to lie in a pool is surer.
    if (answer.range.size() < innermost->range.size()) return;
    const Answer nested = find_in_pools(process, last_of_range(*innermost, false), at);
    if (nested.error != ALLOC_E_NOTHING_THERE) {
      answer = nested;
      return;
    }
    tried = innermost->range.size();
  }
}

Answer SelfProcess::nested_at(const Answer& parent, Address at) const {
  if (const Answer piece = piece_at(*this, parent, at); piece.error != ALLOC_E_NOTHING_THERE)
    return piece;
  if (!has_pools()) return {};
  return ask_about_children(parent, [&](const Seen& pool, const Answer* inside) {
    return find_in(*this, pool, inside, at);
  });
}

Answer SelfProcess::nested_from(const Answer& parent, Address from) const {
  const Answer piece = piece_from(*this, parent, from);
  if (!has_pools()) return piece;
  const Answer other = ask_about_children(parent, [&](const Seen& pool, const Answer* inside) {
    const Answer answer = ask_allocator(*this, pool, inside, pool.owner->protocol->next, from);
    return answer.error != ALLOC_OK || answer.range.begin >= from
               ? answer
               : Answer::cannot_tell(ALLOC_E_CONFLICT);
  });
  const bool piece_is_first =
      piece.error == ALLOC_OK && (other.error != ALLOC_OK || piece.range.begin < other.range.begin);
  return piece_is_first ? piece : other;
}

bool find_pool(const allocator* which, Address at, alloc_info& pool) {
  if (!has_pools()) return false;
  const auto found = pool_around(which, at);
  if (found) pool = found->info;
  return found.has_value();
}

bool is_in_managed_pool(Address at, std::uint64_t most) {
  if (!has_pools()) return false;
  const auto pool = pool_around(nullptr, at);
  return pool && pool->range.size() <= most && pool->owner->protocol->make != nullptr &&
         pool->owner->protocol->release != nullptr;
}

bool is_pool_in_block(Address start) {
  bool is_one = false;
  if (!has_pools()) return is_one;
  for_each_pool([&](const Seen& pool, Pool&) {
    is_one = query::is_block(pool.host) && pool.range.begin == start && is_current(pool);
    return !is_one;
  });
  return is_one;
}

bool is_pool(const Answer& allocation) {
  if (query::is_block(allocation.allocator)) return is_pool_in_block(allocation.range.begin);
  if (allocation.allocator != query::Allocator::mmap) return pool_in(allocation).has_value();
  bool is_one = false;
  if (!has_pools()) return is_one;
  for_each_pool([&](const Seen& pool, Pool&) {
    is_one = pool.host == allocation.allocator && pool.range.begin < allocation.range.end &&
             allocation.range.begin < pool.range.end;
    return !is_one;
  });
  return is_one;
}

const alloc_protocol* registered_protocol(const allocator* which) {
  const Registered* const found = find_registered(which);
  return found == nullptr ? nullptr : found->protocol;
}

void for_each_registered_pointer(void (*visit)(const void* pointer, void* context), void* context) {
  for (const Registered* each = g_registered.load(std::memory_order_acquire); each != nullptr;
       each = each->next.load(std::memory_order_acquire)) {
    visit(each->which, context);
    visit(each->which->name, context);
    visit(each->protocol, context);
    visit(each->context, context);
  }
}

int register_allocator(allocator* which, const alloc_protocol* protocol, bool nests) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return guard.error();
  if (find_registered(which) != nullptr) return ALLOC_E_INVALID;
  auto* const made = static_cast<Registered*>(allocate(sizeof(Registered)));
  if (made == nullptr) return ALLOC_E_NO_MEMORY;
  made->which = which;
  made->protocol = protocol;
  made->context = protocol->context;
  made->nests = nests;
  made->next.store(g_registered.load(std::memory_order_relaxed), std::memory_order_relaxed);
  g_registered.store(made, std::memory_order_release);
  return ALLOC_OK;
}

namespace {

// An entry for a new pool: one that is not in use any more, or one more. Under the lock.
Pool* free_entry() {
  Pool* free = nullptr;
  const std::size_t count = g_pools.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count && free == nullptr; ++i) {
    Pool* const pool = pool_of(i);
    if (pool->is_edited.load(std::memory_order_seq_cst)) continue;
    const bool is_used = pool->changes.load(std::memory_order_seq_cst) % 2 != 0;
    // A ghost: its block went without its being demoted.
    if (is_used && !is_current(pool->facts)) retire(*pool);
    if (!is_used) free = pool;
  }
  if (free != nullptr) return free;
  if (count == kPoolsInChunk * kChunks) return nullptr;
  if (pool_of(count) == nullptr) {
    auto* const chunk = static_cast<Pool*>(allocate(kPoolsInChunk * sizeof(Pool)));
    if (chunk == nullptr) return nullptr;
    g_chunks[count / kPoolsInChunk].store(chunk, std::memory_order_release);
  }
  g_pools.store(count + 1, std::memory_order_release);
  return pool_of(count);
}

int promote_under_lock(const Answer& host, const alloc_info& info, allocator* which, void* memory) {
  Facts facts{.host = host.allocator, .host_owner = host.owner, .range = host.range, .info = info};
  facts.owner = find_registered(which);
  if (facts.owner == nullptr) return ALLOC_E_INVALID;
  if (pool_in(host)) return ALLOC_E_HAS_CHILDREN;
  set_pool_memory(facts.info, memory);
  if (const auto block =
          query::is_block(host.allocator) ? block_at(host.range.begin) : std::nullopt)
    facts.site = block->site;
  Pool* const free = free_entry();
  if (free == nullptr) return ALLOC_E_NO_MEMORY;
  free->facts = facts;
  free->changes.fetch_add(1, std::memory_order_acq_rel);
  g_statistics.take_long_road();
  return ALLOC_OK;
}

}  // namespace

namespace {

// Pools that another thread of the parent was editing may be half done: they are none. Only the thread is there that forked.
void after_fork_in_child() {
  forget_pool_readers();
  const std::size_t count = g_pools.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    Pool* const pool = pool_of(i);
    if (pool == nullptr || !pool->is_edited) continue;
    if (pool->changes.load() % 2 != 0) pool->changes.fetch_add(1);  // its memory is lost
    pool->is_edited.store(false);
  }
}

void hear_of_forks() {
  static constinit std::atomic<bool> s_hears{false};
  if (!s_hears.exchange(true)) call_in_forked_children(after_fork_in_child);
}

}  // namespace

int promote(const Answer& host, const alloc_info& info, allocator* which, void* memory) {
  hear_of_forks();
  const ProcessLock::Guard guard(g_lock, kPatience);
  const int error = guard.is_held() ? promote_under_lock(host, info, which, memory) : guard.error();
  if (error != ALLOC_OK) give_back_pool_memory(memory);
  return error;
}

PoolEdit::PoolEdit(const Answer& host)
    : range_(host.range), error_(ALLOC_E_NOT_YET), generation_(pool_generation()) {
  {
    const ProcessLock::Guard guard(g_lock, kPatience);
    error_ = guard.error();
    if (error_ != ALLOC_OK) return;
    const auto found = pool_in(host);
    error_ = !found                   ? ALLOC_E_NO_SUCH_OPERATION
             : found->pool->is_edited ? ALLOC_E_NOT_YET
                                      : ALLOC_OK;
    if (error_ != ALLOC_OK) return;
    pool_ = found->pool;
    found->pool->is_edited.store(true, std::memory_order_seq_cst);
    found->pool->edits.fetch_add(1, std::memory_order_seq_cst);
    found->pool->changes.fetch_add(2, std::memory_order_seq_cst);
  }
  if (wait_for_pool_readers(allocators::others_are_stopped() ? 0 : kPatience)) return;
  static_cast<Pool*>(pool_)->is_edited.store(false, std::memory_order_seq_cst);
  pool_ = nullptr;
  error_ = ALLOC_E_NOT_YET;
}

PoolEdit::~PoolEdit() {
  if (pool_ == nullptr || generation_ != pool_generation()) return;
  Pool& pool = *static_cast<Pool*>(pool_);
  Facts facts = pool.facts;
  facts.range = range_;
  facts.info.base = reinterpret_cast<const void*>(raw(range_.begin));
  facts.info.size = range_.size();
  if (const auto block = query::is_block(facts.host) ? block_at(range_.begin) : std::nullopt)
    facts.site = block->site;
  pool.changes.fetch_add(1, std::memory_order_seq_cst);
  pool.facts = facts;
  pool.changes.fetch_add(1, std::memory_order_seq_cst);
  pool.is_edited.store(false, std::memory_order_seq_cst);  // from here on others may take the entry
}

int demote(Address at) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return guard.error();
  std::optional<Seen> innermost;
  for_each_pool([&](const Seen& seen, Pool&) {
    if (seen.range.contains(at) && (!innermost || seen.range.size() < innermost->range.size()))
      innermost = seen;
    return true;
  });
  if (!innermost) return ALLOC_E_NOTHING_THERE;
  Pool& last = *last_of_range(*innermost, true).pool;
  if (last.is_edited) return ALLOC_E_BEING_RESIZED;
  retire(last);
  // From here on the memory is the program's again: nobody decodes it any more.
  wait_for_pool_readers();
  return ALLOC_OK;
}

}  // namespace allocs::self
