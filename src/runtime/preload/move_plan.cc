// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "base/raw_syscall.h"
#include "runtime/allocators/base_level.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/info.h"
#include "runtime/preload/moving.h"
#include "types/uniqtype_record.h"

// What is to move, and the place for it: see moving.h.

namespace allocs::preload {

namespace {

// How many objects of which type fill so many bytes. (Mappings are larger than what was asked for.)
bool objects_of(const uniqtype* type, std::size_t size, uniqtype*& each, std::size_t& count) {
  if (type == nullptr || size == 0) return false;
  const bool is_array = types::record_of(*type).kind == types::Kind::array;
  each = is_array ? type->related[0].un.t.ptr : const_cast<uniqtype*>(type);
  const std::uint64_t unit = each == nullptr ? types::kUnknownSize : types::size_of(*each);
  if (unit == types::kUnknownSize || unit == 0) return false;
  count = is_array ? (size + unit - 1) / unit : 1;
  return true;
}

// As it was, but no more than a page unless its type needs it: a block does not say how it was aligned when it was made.
std::size_t alignment_of(const alloc_info& from) {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t at = raw(address_of(from.base));
  return std::max(std::min(at & -at, kPage), alignment_of_type(from.type));
}

int make_block_for(Move& move) {
  void* const block =
      allocators::make_block(move.size, alignment_of(move.from), place_in_program());
  if (block == nullptr) return ALLOC_E_NO_MEMORY;
  move.base = block;
  // All that it has: what lay there before would be taken for the program's, which may use the bytes beyond the size too.
  std::memset(block, 0, std::max(move.size, allocators::g_next.malloc_usable_size(block)));
  if (is_of_malloc(move.from.allocator)) {
    const auto site = allocators::site_of_block(move.from.base);
    const auto now = allocators::site_of_block(block);
    if (site && now && allocators::replace_site(block, *now, *site)) return ALLOC_OK;
    give_up_place(move);
    return ALLOC_E_NOTHING_THERE;
  }
  alloc_info info{};
  info.base = block;
  info.size = move.size;
  const int error =
      move.from.type == nullptr ? ALLOC_OK : set_type_of_block(nullptr, &info, move.from.type);
  if (error != ALLOC_OK) give_up_place(move);
  return error;
}

// The place has just been made; but while other threads reallocate, it may not be told for a moment whether an address is in a block that one of them moves.
int query_new_place(const Move& move, alloc_info& made) {
  constexpr int kMostAttempts = 1000;
  for (int attempt = 1;; ++attempt) {
    const int error = alloc_query(move.base, 0, &made);
    if (error != ALLOC_E_BEING_RESIZED || attempt == kMostAttempts) return error;
    raw_syscall(SYS_sched_yield);
  }
}

}  // namespace

int plan(Move& move) {
  if (const int error = alloc_query(move.obj, 0, &move.from); error != ALLOC_OK) return error;
  if (move.to == nullptr) move.to = move.from.allocator;
  move.source = alloc_get_protocol(move.from.allocator);
  move.target = alloc_get_protocol(move.to);
  if (move.target == nullptr) return ALLOC_E_INVALID;
  if (move.source == nullptr) return ALLOC_E_NO_SUCH_OPERATION;
  if (move.source->release == nullptr) return refusal_of(move.from.allocator);
  if (move.target->make == nullptr || move.target->release == nullptr) return refusal_of(move.to);
  if (const int error = error_of_malloc(move.to); error != ALLOC_OK) return error;
  const bool needs_malloc = is_of_malloc(move.from.allocator) || is_of_malloc(move.to);
  if (needs_malloc && allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  if (const int error = error_of_mapping(move.from); error != ALLOC_OK) return error;
  if (is_shared_out(move.from)) return ALLOC_E_HAS_CHILDREN;
  if (is_of_malloc(move.from.allocator) && allocators::is_held_block(move.from.base))
    return ALLOC_E_HELD;
  if (move.size == Move::kSameSize) move.size = move.from.size;
  const uniqtype* const type = move.from.type;
  move.is_single = type != nullptr && types::record_of(*type).kind != types::Kind::array;
  return ALLOC_OK;
}

int make_place(Move& move) {
  if (is_of_malloc(move.to)) return make_block_for(move);
  uniqtype* each = nullptr;
  std::size_t count = 0;
  if (!objects_of(move.from.type, move.size, each, count)) return ALLOC_E_NO_TYPE;
  if (const int error = move.target->make(move.target->context, each, count, &move.base);
      error != ALLOC_OK)
    return error;
  alloc_info made;
  const int error = query_new_place(move, made);
  if (error != ALLOC_OK || made.size < move.size) {
    give_up_place(move);
    return error != ALLOC_OK ? error : ALLOC_E_NO_TYPE;
  }
  std::memset(move.base, 0, move.size);
  return ALLOC_OK;
}

void give_up_place(Move& move) {
  alloc_info info;
  if (move.base != nullptr && query_new_place(move, info) == ALLOC_OK)
    move.target->release(move.target->context, &info);
  move.base = nullptr;
}

int give_up_old(const Move& move) {
  if (!is_of_malloc(move.from.allocator)) return ALLOC_OK;
  if (allocators::is_held_block(move.from.base)) return ALLOC_E_HELD;
  allocators::clear_record(const_cast<void*>(move.from.base));
  return ALLOC_OK;
}

int release_old(const Move& move) {
  if (!is_of_malloc(move.from.allocator))
    return move.source->release(move.source->context, &move.from);
  allocators::g_next.free(const_cast<void*>(move.from.base));
  return ALLOC_OK;
}

}  // namespace allocs::preload
