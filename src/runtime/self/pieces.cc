// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/pieces.h"

#include "runtime/index/piece_shadow.h"
#include "runtime/query/tree.h"

namespace allocs::self {

namespace {

using index::Piece;
using index::PoolKind;
using query::Allocator;
using query::Answer;

const TrustedMemory kMemory;

bool is_static(Allocator which) {
  return which >= Allocator::static_file && which <= Allocator::static_symbol;
}

// Is the piece's pool still there? `host` is what is there now.
bool is_in(const Piece& piece, const Answer& host) {
  const index::Block& block = piece.block;
  const Address end = block.base + block.size;
  const bool lies_within = host.range.begin <= block.base && end <= host.range.end;
  if (piece.pool == PoolKind::block)
    return query::is_block(host.allocator) && host.range.size() >= index::kBigBlock && lies_within;
  if (piece.pool != PoolKind::other) return false;
  // A mapping may have been cut by mprotect. Without the kernel it is not known at all, but the end of one would have been told.
  if (host.error == ALLOC_E_NOT_YET || host.allocator == Allocator::none ||
      host.allocator == Allocator::mmap || host.allocator == Allocator::brk)
    return true;
  return is_static(host.allocator) && lies_within;
}

Answer answer_of(const SelfProcess& process, const Piece& piece) {
  const index::Block& block = piece.block;
  const auto* const family = allocators::family_of_site(block.site);
  if (family == nullptr) return {};
  if (block.size == 0) return {};
  if (piece.overlaps) return Answer::cannot_tell(ALLOC_E_CONFLICT);
  Answer answer =
      Answer::of(Allocator::registered, {block.base, block.base + block.size}, ALLOC_EV_HEAP_INDEX);
  answer.owner = &family->object;
  const query::SiteFacts facts = process.site_facts(block.site);
  answer.site = facts.return_address;
  answer.site_function = facts.function;
  answer.site_object = facts.object;
  query::set_type_from_site(facts, block.size, answer);
  return answer;
}

Answer find(const SelfProcess& process, const Answer& host, Address at) {
  const auto piece = index::find_piece(kMemory, allocators::g_root, at);
  return piece && is_in(*piece, host) ? answer_of(process, *piece) : Answer{};
}

}  // namespace

void prefer_piece(const SelfProcess& process, Address at, Answer& answer) {
  const bool is_told = answer.error == ALLOC_OK || answer.error == ALLOC_E_NOT_YET;
  if (!is_told || answer.allocator == Allocator::registered) return;
  const Answer piece = find(process, answer, at);
  if (piece.error != ALLOC_E_NOTHING_THERE) answer = piece;
}

Answer piece_at(const SelfProcess& process, const Answer& parent, Address at) {
  if (!allocators::has_pieces() || parent.allocator == Allocator::registered) return {};
  // Where the kernel may be asked a mapping is told before what lies in it.
  if (parent.allocator == Allocator::none && process.knows_mappings()) return {};
  return find(process, parent, at);
}

Answer piece_from(const SelfProcess& process, const Answer& parent, Address from) {
  Answer found;
  if (!allocators::has_pieces() || parent.allocator == Allocator::registered) return found;
  if (parent.allocator == Allocator::none) return found;
  index::for_each_piece_start(
      kMemory, allocators::g_root, std::max(from, parent.range.begin), parent.range.end,
      [&](const index::Block& block) {
        const auto known = index::find_piece(kMemory, allocators::g_root, block.base);
        if (!known || known->block.base != block.base || !is_in(*known, parent)) return true;
        // What lies in something else in the parent is not the parent's.
        const Answer between = query::built_in_child_at(process, parent, block.base);
        if (between.error == ALLOC_OK && !query::is_same(between, parent)) return true;
        const Answer answer = answer_of(process, *known);
        if (answer.error != ALLOC_OK) return true;
        found = answer;
        return false;
      });
  return found;
}

}  // namespace allocs::self
