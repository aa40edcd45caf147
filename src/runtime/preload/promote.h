// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/allocator.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/info.h"
#include "runtime/query/tree_children.h"
#include "runtime/self/ask.h"
#include "runtime/self/pool_memory.h"
#include "runtime/self/registered.h"

namespace allocs::preload {

inline bool is_pool_material(query::Allocator which) {
  return query::is_block(which) || which == query::Allocator::mmap ||
         which == query::Allocator::static_symbol || which == query::Allocator::registered;
}

// As alloc_promote, for an allocator that keeps memory of each pool: prepare(host, memory) gives it, or an error that ends it.
// Context: query.
template <typename Prepare>
int promote(const void* obj, allocator* which, Prepare prepare) {
  const auto here = runt::current_registers();
  const self::SelfProcess process(self::SelfProcess::Mode::wait, here);
  const query::Answer host = self::ask(process, address_of(obj));
  if (host.error != ALLOC_OK) return host.error;
  if (!is_pool_material(host.allocator)) return ALLOC_E_NO_SUCH_OPERATION;
  alloc_info info;
  put_info(host, info);
  if (const int error = error_of_mapping(info); error != ALLOC_OK) return error;
  query::ChildCursor children = query::children_of(host);
  if (query::next_child(process, children).error == ALLOC_OK) return ALLOC_E_HAS_CHILDREN;
  const bool may_be_held = query::is_block(host.allocator);
  const void* const block = pointer(host.range.begin);
  if (may_be_held && allocators::is_held_block(block)) return ALLOC_E_HELD;
  void* memory = nullptr;
  if (const int error = prepare(info, &memory); error != ALLOC_OK) return error;
  if (!may_be_held) return self::promote(host, info, which, memory);
  // Who holds a block looks with this lock whether it is a pool. One that was stopped with it cannot be waited for; this very thread may have it.
  const bool are_stopped = allocators::others_are_stopped();
  const allocators::HolderLock lock(are_stopped ? 1 : -1);
  int error = ALLOC_E_HELD;
  if (!lock) {
    error = are_stopped ? ALLOC_E_STOPPED : ALLOC_E_INVALID;
  } else if (!allocators::is_held_block(block)) {
    return self::promote(host, info, which, memory);
  }
  if (memory != nullptr) self::give_back_pool_memory(memory);
  return error;
}

}  // namespace allocs::preload
