// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/find_block.h"
#include "runtime/index/piece_shadow.h"
#include "runtime/index/tables.h"
#include "runtime/query/process.h"

// A program that closes a page within a block (mprotect), as a guard or to see who writes, makes three mappings of one. The block is still one allocation, and lies in one: mappings over whose border
// something reaches that an allocator has handed out as a whole are one mapping of the tree. It begins and is named as the lowest of them.
namespace allocs::query {

// Does a block, a piece of a declared sub-allocator or a thread's stack lie on both sides of `border`? Context: signal.
template <Process P>
bool is_bridged(const P& process, Address border) {
  const index::Root* const root = process.root();
  if (root == nullptr || border == Address{}) return false;
  const auto reaches_over = [&](const index::Block& block) {
    return block.base < border && border - block.base < block.size;
  };
  const auto block = index::find_block(process.tables(), *root, border - 1);
  if (block && reaches_over(*block)) return true;
  const auto piece = index::find_piece(process.tables(), *root, border - 1);
  if (piece && !piece->overlaps && reaches_over(piece->block)) return true;
  const auto thread = index::thread_with_stack_at(process.tables(), *root, border - 1);
  if (!thread || border >= thread->stack_high) return false;
  // That of the first thread is as large as it may grow.
  const InitialStack* const initial = process.initial_stack();
  return initial == nullptr || initial->argc < thread->stack_low ||
         initial->argc >= thread->stack_high;
}

// `mapping` and those beside it that are one with it. Asks the kernel for each of them.
template <Process P>
MappingView whole_mapping(const P& process, MappingView mapping) {
  while (is_bridged(process, mapping.range.end)) {
    const auto above = process.mapping_of(mapping.range.end);
    if (!above || above->range.begin != mapping.range.end) break;
    mapping.range.end = above->range.end;
  }
  while (is_bridged(process, mapping.range.begin)) {
    auto below = process.mapping_of(mapping.range.begin - 1);
    if (!below || below->range.end != mapping.range.begin) break;
    below->range.end = mapping.range.end;
    mapping = *below;
  }
  return mapping;
}

}  // namespace allocs::query
