// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/base_level.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "runtime/allocators/base_level.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/info.h"
#include "runtime/query/traits.h"
#include "runtime/query/tree_children.h"
#include "runtime/self/ask.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"
#include "runtime/self/registered.h"
#include "runtime/self/stated_types.h"
#include "types/derive.h"
#include "types/uniqtype_record.h"

// Blocks of malloc and the break area. Mappings: base_level_mappings.cc.

namespace allocs::preload {

namespace {

void* start_of(const alloc_info& allocation) { return const_cast<void*>(allocation.base); }

std::uint64_t size_of_block(const alloc_info& block) { return block.size; }

constinit self::ProcessLock g_break_lock;
constexpr unsigned kPatience = 2000;  // ms
// What resize_break() has added: as long as the break is where it left it, that may be given back.
constinit std::uint64_t g_break_before = 0, g_break_after = 0;

using Sbrk = void* (*)(std::intptr_t);
std::uint64_t move_break(Sbrk sbrk, std::intptr_t by) {
  return reinterpret_cast<std::uint64_t>(sbrk(by));
}
constexpr std::uint64_t kNoBreak = ~std::uint64_t{0};

// As large as its parts need it, of which no more than `left` are looked at. The debug information states alignments, but not those of the machine's vectors, which are arrays of numbers
// there: one that may be such a vector is aligned so.
std::uint64_t alignment_within(const uniqtype* type, unsigned depth, unsigned& left) {
  constexpr unsigned kDeepest = 32;
  if (type == nullptr || depth > kDeepest || left == 0) return 1;
  --left;
  const uniqtype_record& record = types::record_of(*type);
  std::uint64_t most = std::uint64_t{1} << record.align_log2;
  if (record.kind == types::Kind::array) {
    const uniqtype* const element = type->related[0].un.t.ptr;
    most = std::max(most, alignment_within(element, depth + 1, left));
    const bool is_of_numbers = element != nullptr &&
                               types::record_of(*element).kind == types::Kind::base &&
                               types::size_of(*element) > 1;
    if (is_of_numbers && (record.size == 32 || record.size == 64))
      most = std::max(most, record.size);
  } else if (record.kind == types::Kind::composite) {
    for (std::uint64_t i = 0; i < record.count; ++i)
      most = std::max(most, alignment_within(type->related[i].un.memb.ptr, depth + 1, left));
  }
  return most;
}

// As realloc, for a block that is aligned as malloc aligns none.
int move_aligned(const alloc_info& block, std::size_t size, std::size_t alignment, void*& moved) {
  moved = allocators::make_block(size, alignment, place_in_program());
  if (moved == nullptr) return ALLOC_E_NO_MEMORY;
  std::memcpy(moved, block.base, std::min(block.size, size));
  int error = ALLOC_E_HELD;
  {
    // Somebody may have come to hold it meanwhile.
    const allocators::HolderLock lock;
    if (lock && !allocators::is_held_block(block.base))
      error = allocators::release_block(start_of(block)) ? ALLOC_OK : ALLOC_E_NOTHING_THERE;
  }
  if (error != ALLOC_OK) allocators::release_block(moved);
  return error;
}

}  // namespace

[[gnu::noinline]] const void* place_in_program() {
  const auto here = runt::current_registers();
  const self::SelfProcess process(self::SelfProcess::Mode::wait, here);
  const auto registers = process.registers_of_program();
  return registers ? pointer(registers->pc()) : __builtin_return_address(0);
}

int refusal_of(const allocator* which) { return query::traits_of(allocator_of(which)).refusal; }

int error_of_malloc(const allocator* which) {
  const query::Allocator allocator = allocator_of(which);
  if (!query::is_block(allocator)) return ALLOC_OK;
  using index::MallocKind;
  const MallocKind kind = allocators::g_root.malloc_kind;
  if (kind == MallocKind::bypassed) return ALLOC_E_UNINDEXED;
  const bool is_that = (kind == MallocKind::libc) == (allocator == query::Allocator::lib_malloc);
  return is_that ? ALLOC_OK : ALLOC_E_NO_SUCH_OPERATION;
}

bool has_children(const alloc_info& allocation) {
  const auto here = runt::current_registers();
  const self::SelfProcess process(self::SelfProcess::Mode::wait, here);
  query::ChildCursor cursor = query::children_of(answer_of(allocation));
  return query::next_child(process, cursor).error == ALLOC_OK;
}

bool is_shared_out(const alloc_info& allocation) {
  return self::is_pool(answer_of(allocation)) || has_children(allocation);
}

bool size_of_objects(const uniqtype* type, std::size_t count, std::size_t& size) {
  const std::uint64_t each = types::size_of(*type);
  if (each == types::kUnknownSize || each == 0 || count == 0) return false;
  return !__builtin_mul_overflow(each, count, &size);
}

uniqtype* type_of_objects(uniqtype* type, std::size_t count) {
  return count == 1 ? type : types::array_of(self::interner(), type, types::kUnbounded);
}

std::uint64_t alignment_of_type(const uniqtype* type) {
  constexpr std::uint64_t kOfAnyBlock = 16;
  unsigned left = 10'000;
  const std::uint64_t alignment = alignment_within(type, 0, left);
  return alignment > kOfAnyBlock ? alignment : 1;
}

int make_typed_block(void*, uniqtype* type, std::size_t count, void** base) {
  std::size_t size = 0;
  if (!size_of_objects(type, count, size)) return ALLOC_E_INVALID;
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  uniqtype* const whole = type_of_objects(type, count);
  if (whole == nullptr) return ALLOC_E_NO_MEMORY;
  void* const block = allocators::make_block(size, alignment_of_type(type), place_in_program());
  if (block == nullptr) return ALLOC_E_NO_MEMORY;
  alloc_info info{};
  info.base = block;
  info.size = size;
  const int error = set_type_of_block(nullptr, &info, whole);
  if (error != ALLOC_OK) {
    allocators::release_block(block);
    return error;
  }
  *base = block;
  return ALLOC_OK;
}

int resize_typed_block(void*, const alloc_info* block, std::size_t size, unsigned flags,
                       void** base) {
  if (size == 0) return ALLOC_E_INVALID;
  return is_shared_out(*block) ? ALLOC_E_HAS_CHILDREN
                               : resize_block_and_contents(*block, size, flags, base);
}

int resize_block_and_contents(const alloc_info& block, std::size_t size, unsigned flags,
                              void** base) {
  void* const start = start_of(block);
  // A stopped thread may have the holders' lock.
  if (allocators::others_are_stopped() && allocators::is_held_block(start)) return ALLOC_E_STOPPED;
  if (allocators::is_freed_block(start))
    return ALLOC_E_NOT_HELD;  // it is the explicit holder that resizes
  if (size <= allocators::g_next.malloc_usable_size(start)) {
    if (!allocators::resize_record(start, size)) return ALLOC_E_NOTHING_THERE;
    *base = start;
    return ALLOC_OK;
  }
  if ((flags & ALLOC_MAY_MOVE) == 0) return ALLOC_E_NO_ROOM;
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  if (allocators::is_held_by_others(start)) return ALLOC_E_HELD;
  const auto site = allocators::site_of_block(start);
  if (!site) return ALLOC_E_NOTHING_THERE;
  void* moved = nullptr;
  if (const std::uint64_t alignment = alignment_of_type(block.type); alignment != 1) {
    if (const int error = move_aligned(block, size, alignment, moved); error != ALLOC_OK)
      return error;
  } else {
    moved = allocators::resize_block(start, size, place_in_program());
    if (moved == nullptr) return ALLOC_E_NO_MEMORY;
  }
  // It is still what it was, where it came from included.
  if (const auto now = allocators::site_of_block(moved))
    allocators::replace_site(moved, *now, *site);
  *base = moved;
  return ALLOC_OK;
}

int release_typed_block(void*, const alloc_info* block) {
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  if (is_shared_out(*block)) return ALLOC_E_HAS_CHILDREN;
  if (allocators::is_freed_block(start_of(*block))) return ALLOC_E_NOT_HELD;
  return allocators::release_block(start_of(*block)) ? ALLOC_OK : ALLOC_E_NOTHING_THERE;
}

int set_type_of_block(void*, const alloc_info* block, uniqtype* type) {
  if (allocators::others_are_stopped() && allocators::is_held_block(block->base))
    return ALLOC_E_STOPPED;
  const auto here = runt::current_registers();
  const self::SelfProcess process(self::SelfProcess::Mode::wait, here);
  return self::state_type_of_block(process, address_of(block->base), size_of_block(*block), type);
}

int resize_break(void*, const alloc_info* area, std::size_t size, unsigned, void** base) {
  if (allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  const auto sbrk = reinterpret_cast<Sbrk>(allocators::c_library_function("sbrk"));
  if (sbrk == nullptr) return ALLOC_E_REFUSED;
  const self::ProcessLock::Guard guard(g_break_lock, kPatience);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  const std::uint64_t now = move_break(sbrk, 0);
  const std::uint64_t wanted = raw(address_of(area->base)) + size;
  // At the same size nothing was added that could be given back.
  if (wanted < now) {
    // What malloc believes to have is not ours to give.
    if (now != g_break_after || wanted < g_break_before) return ALLOC_E_HAS_CHILDREN;
    if (move_break(sbrk, -static_cast<std::intptr_t>(now - wanted)) == kNoBreak)
      return ALLOC_E_REFUSED;
    g_break_after = wanted;
  } else if (wanted > now) {
    const std::uint64_t before = move_break(sbrk, static_cast<std::intptr_t>(wanted - now));
    if (before == kNoBreak) return ALLOC_E_NO_MEMORY;
    if (before != now) return ALLOC_E_REFUSED;  // another thread's malloc came between
    if (now != g_break_after) g_break_before = now;
    g_break_after = wanted;
  }
  *base = start_of(*area);
  return ALLOC_OK;
}

}  // namespace allocs::preload
