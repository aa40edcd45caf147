// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/export.h"
#include "runtime/allocators/base_level.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/allocators/second_names.h"

// __libc_malloc and its like. Rare: no short road.

using namespace allocs;
using namespace allocs::allocators;

namespace {

void* recorded(void* block, std::size_t size, Call call) {
  return second_names_are_of_the_allocator() ? allocated(block, size, call) : block;
}

// `arguments` as reallocate_by() wants them.
std::uint64_t resize_by_second_name(std::uint64_t block, std::uint64_t size, std::uint64_t,
                                    std::uint64_t) {
  return raw(address_of(g_second_names.realloc(reinterpret_cast<void*>(block), size)));
}

}  // namespace

extern "C" {

ALLOCS_EXPORT void* __libc_malloc(std::size_t size) {
  return recorded(g_second_names.malloc(size), size, this_call());
}

ALLOCS_EXPORT void __libc_free(void* block) {
  freed(block);
  // The allocator's free, when it is the same, looks whether others hold the block.
  second_names_are_of_the_allocator() ? g_next.free(block) : g_second_names.free(block);
}

ALLOCS_EXPORT void* __libc_calloc(std::size_t count, std::size_t size) {
  return recorded(g_second_names.calloc(count, size), count * size, this_call());
}

ALLOCS_EXPORT void* __libc_realloc(void* block, std::size_t size) {
  if (second_names_are_of_the_allocator())
    return reallocate(block, size, __builtin_return_address(0));
  if (!record_of_block(block)) return g_second_names.realloc(block, size);
  return reinterpret_cast<void*>(reallocate_by(
      resize_by_second_name, {raw(address_of(block)), size, 0, 0}, size, this_call()));
}

ALLOCS_EXPORT void* __libc_memalign(std::size_t alignment, std::size_t size) {
  return recorded(g_second_names.memalign(alignment, size), size, this_call());
}

ALLOCS_EXPORT void* __libc_valloc(std::size_t size) {
  return recorded(g_second_names.valloc(size), size, this_call());
}

ALLOCS_EXPORT void* __libc_pvalloc(std::size_t size) {
  return recorded(g_second_names.pvalloc(size), size, this_call());
}

}  // extern "C"
