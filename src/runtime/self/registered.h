// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "allocs/allocator.h"
#include "runtime/self/self_process.h"

// The program's own allocators, and the allocations that it made their pools.
//
// Both are tables that only grow; an entry of a pool is used again when it was demoted. Who writes: registering and promoting, under a lock
// of their own (context query). Who reads: any query, without a lock: an entry's state is written last. A pool in a block of malloc holds
// as long as the block's record does not change, so that a program that forgot to demote gets no answers from a ghost, unless the next
// block there has the same size and site.
namespace allocs::self {

extern constinit std::atomic<std::size_t> g_pools ALLOCS_OWN;  // entries that were ever used
// Whether there has been any pool. Context: signal.
inline bool has_pools() { return g_pools.load(std::memory_order_acquire) != 0; }

// `answer` is the leaf that contains `at`, as far as the built-in allocators know; if a declared sub-allocator has a piece there, or if it is
// a pool whose allocator has something there, that. Of use only where the getters take the long road (statistics.h).
// Context: signal, as far as the program's allocators are.
void prefer_nested(const SelfProcess& process, Address at, query::Answer& answer);

// Of a registered allocator; nullptr: it is none. Context: signal.
const alloc_protocol* registered_protocol(const allocator* which);

// Calls visit for what registered allocators were registered with: their objects and names, protocols and contexts. Context: signal.
void for_each_registered_pointer(void (*visit)(const void* pointer, void* context), void* context);

// As alloc_register_allocator, alloc_promote and alloc_demote. Context: query.
//
// With `nests`, `find` and `next` are also called with parents that are allocations of `which` itself, and what they fill may be of another
// registered allocator: then they set that. `memory` is from take_pool_memory(), and from then on the pool's: it is given back when the pool is
// demoted, or if promote() fails.
int register_allocator(allocator* which, const alloc_protocol* protocol, bool nests = false);
int promote(const query::Answer& host, const alloc_info& info, allocator* which,
            void* memory = nullptr);
int demote(Address at);

// While the host of a pool is resized or moved, and what lies in the pool is: nobody decodes what is half done or has gone, and who asks meanwhile is told that it is being resized. Those who do so when
// it begins are waited for. One at a time for each pool. Context: query.
class PoolEdit {
 public:
  explicit PoolEdit(const query::Answer& host);
  ~PoolEdit();
  PoolEdit(const PoolEdit&) = delete;
  PoolEdit& operator=(const PoolEdit&) = delete;

  // ALLOC_E_NO_SUCH_OPERATION: the host is no pool any more; ALLOC_E_NOT_YET: others change pools, or somebody decodes one, for too long.
  int error() const { return error_; }
  // The host lies there now.
  void set_range(AddressRange now) { range_ = now; }

 private:
  void* pool_ = nullptr;
  AddressRange range_;
  int error_;
  unsigned generation_;  // a child that was forked meanwhile has no such pool
};

// Is the innermost pool around `at` one whose allocator makes and frees what lies in it, and no larger than that? Context: signal.
bool is_in_managed_pool(Address at, std::uint64_t most);

// Is the block of malloc that begins at `start` a pool? Context: signal.
bool is_pool_in_block(Address start);

// Is the allocation a pool that was not demoted, or does it hold one, as a mapping that has grown since? Context: signal.
bool is_pool(const query::Answer& allocation);

// The innermost pool of `which` that contains `at`, as its `find` is given it; false if there is none. Its memory may be read under a PoolReader that was
// there before. Context: signal.
bool find_pool(const allocator* which, Address at, alloc_info& pool);

}  // namespace allocs::self
