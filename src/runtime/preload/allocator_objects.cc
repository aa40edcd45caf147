// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/allocator_objects.h"

#include "base/export.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/index/word.h"
#include "runtime/query/allocator_names.h"

// The objects by which a program knows the allocators. A program that was linked to the symbols may hold copies of them (copy
// relocations): then those are the ones to give out, since it compares addresses. The loader would find out at start-up, at
// the price of a symbol look-up each, in every process; so nothing here refers to the symbols, and the copies are looked for
// when they are asked for.

using allocs::query::Allocator;
using allocs::query::row_of;

// In the order of `Allocator`.
#define ALLOCS_ALLOCATOR_OBJECTS(X)             \
  X(mmap, __mmap_allocator)                     \
  X(brk, __brk_allocator)                       \
  X(static_file, __static_file_allocator)       \
  X(static_segment, __static_segment_allocator) \
  X(static_section, __static_section_allocator) \
  X(static_symbol, __static_symbol_allocator)   \
  X(tls_block, __tls_block_allocator)           \
  X(tls_symbol, __tls_symbol_allocator)         \
  X(auxv, __auxv_allocator)                     \
  X(stack, __stack_allocator)                   \
  X(stackframe, __stackframe_allocator)         \
  X(lib_malloc, __default_lib_malloc_allocator) \
  X(program_malloc, __program_malloc_allocator) \
  X(ld_so_malloc, __ld_so_malloc_allocator)     \
  X(own, __liballocs_own_allocator)

extern "C" {
#define ALLOCS_ALLOCATOR_OBJECT(which, symbol)                             \
  ALLOCS_EXPORT constinit allocator symbol{row_of(Allocator::which).name}; \
  extern allocator own##symbol __attribute__((visibility("hidden"), alias(#symbol)));
ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_ALLOCATOR_OBJECT)
}

namespace allocs::preload {

namespace {

using allocators::SymbolName;

struct Row {
  Allocator which;
  SymbolName name;
  allocator* own;
};
#define ALLOCS_ALLOCATOR_ROW(which, symbol) {Allocator::which, SymbolName(#symbol), &own##symbol},
constexpr Row kRows[] = {ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_ALLOCATOR_ROW)};
constexpr std::size_t kCount = sizeof(kRows) / sizeof(kRows[0]);
static_assert(kCount + 1 == static_cast<std::size_t>(Allocator::count_));
static_assert([] {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (kRows[i].which != static_cast<Allocator>(i + 1)) return false;
  }
  return true;
}());

constinit allocator* g_found[kCount + 1] = {};

[[gnu::noinline]] allocator* find(const Row& row) {
  const link_map* const self = allocators::our_object();
  const link_map* const holder =
      self == nullptr ? nullptr : allocators::definer_of(row.name, _r_debug.r_map, self);
  if (holder == nullptr) return row.own;
  return static_cast<allocator*>(allocators::DynamicSymbols(*holder).address_of(row.name));
}

}  // namespace

allocator* object_of(Allocator which) {
  const auto number = static_cast<std::size_t>(which);
  if (number == 0) return nullptr;
  allocator* const found = index::load_relaxed(g_found[number]);
  if (found != nullptr) [[likely]]
    return found;
  allocator* const object = find(kRows[number - 1]);
  index::store_relaxed(g_found[number], object);
  return object;
}

}  // namespace allocs::preload
