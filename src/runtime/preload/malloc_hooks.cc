// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include <cstddef>

#include "base/export.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/recent_sites.h"

// malloc and its family: call the allocator underneath, tell the heap shadow. A block enters the index after the allocator
// returned it and leaves it before the allocator gets it back, so its cell is its owner's alone.

using namespace allocs::allocators;
using allocs::index::kBigBlock;
using allocs::index::kMaximumShortSize;

namespace {

void* allocated_rarely(void* block, std::size_t size, Call call) {
  return records_rare_functions() ? allocated(block, size, call) : block;
}

// Functions of their own, so that the usual roads of malloc and calloc save one register only. All are to be jumped to.
[[gnu::noinline]] void* malloc_slowly(std::size_t size, const void* caller) {
  return allocated(g_next.malloc(size), size, this_call(caller));
}
[[gnu::noinline]] void* malloc_big(std::size_t size, const SiteSlot& slot) {
  const std::uint32_t site_bits = site_bits_of(slot.cells);
  return allocated_big(g_next.malloc(size), size, site_bits);
}
[[gnu::noinline]] void* calloc_slowly(std::size_t count, std::size_t size, const void* caller) {
  return allocated(g_next.calloc(count, size), count * size, this_call(caller));
}
// (Looks for the slot again, so that calloc's usual road has it in no register.)
[[gnu::noinline]] void* calloc_big(std::size_t count, std::size_t size, const void* caller) {
  const SiteSlot& slot = slot_of(caller);
  if (!holds(slot, caller)) [[unlikely]]
    return calloc_slowly(count, size, caller);
  const std::uint32_t site_bits = site_bits_of(slot.cells);
  return allocated_big(g_next.calloc(count, size), count * size, site_bits);
}

// For wrappers in wrappers, those with a frame pointer, and callers whose slot in the cache is another's.
[[gnu::noinline]] void* malloc_for_wrappers(std::size_t size, const void* caller) {
  Call call = this_call(caller);
  const std::uint32_t site_bits = cached_site_bits(call);
  if (site_bits == 0 || size >= kBigBlock) [[unlikely]]
    return malloc_slowly(size, caller);
  const SiteSlot slot{0, cells_of_site(site_bits)};
  if (size <= kMaximumShortSize)
    return allocate_short(size, slot, [=] { return g_next.malloc(size); });
  return allocate_longer(size, slot, [=] { return g_next.malloc(size); });
}

// For a caller that the cache does not hold: one of the usual wrappers, or it goes a slower road.
[[gnu::noinline]] void* malloc_for_wrapper(std::size_t size, const void* caller) {
  const SiteSlot* const slot = slot_outside_wrapper(this_call(caller));
  if (slot == nullptr) [[unlikely]]
    return malloc_for_wrappers(size, caller);
  if (size >= kBigBlock) [[unlikely]]
    return malloc_big(size, *slot);
  if (size <= kMaximumShortSize)
    return allocate_short(size, *slot, [=] { return g_next.malloc(size); });
  return allocate_longer(size, *slot, [=] { return g_next.malloc(size); });
}

[[gnu::noinline]] void* calloc_for_wrapper(std::size_t count, std::size_t size,
                                           const void* caller) {
  Call call = this_call(caller);
  const std::uint32_t site_bits = cached_site_bits(call);
  const std::size_t bytes = count * size;
  if (site_bits == 0 || bytes >= kBigBlock) [[unlikely]]
    return calloc_slowly(count, size, caller);
  const SiteSlot slot{0, cells_of_site(site_bits)};
  if (bytes <= kMaximumShortSize)
    return allocate_short(bytes, slot, [=] { return g_next.calloc(count, size); });
  return allocate_longer(bytes, slot, [=] { return g_next.calloc(count, size); });
}

}  // namespace

extern "C" {

ALLOCS_EXPORT void* malloc(std::size_t size) {
  const void* const caller = __builtin_return_address(0);
  const SiteSlot& slot = slot_of(caller);
  if (!holds(slot, caller)) [[unlikely]]
    return malloc_for_wrapper(size, caller);
  if (size <= kMaximumShortSize)
    return allocate_short(size, slot, [=] { return g_next.malloc(size); });
  if (size < kBigBlock) return allocate_longer(size, slot, [=] { return g_next.malloc(size); });
  return malloc_big(size, slot);
}

ALLOCS_EXPORT void free(void* block) {
  freed(block);
  g_next.free(block);
}

ALLOCS_EXPORT void* calloc(std::size_t count, std::size_t size) {
  const void* const caller = __builtin_return_address(0);
  const SiteSlot& slot = slot_of(caller);
  if (!holds(slot, caller)) [[unlikely]]
    return calloc_for_wrapper(count, size, caller);
  const std::size_t bytes = count * size;  // if that overflows, there is no block
  if (bytes <= kMaximumShortSize)
    return allocate_short(bytes, slot, [=] { return g_next.calloc(count, size); });
  if (bytes < kBigBlock)
    return allocate_longer(bytes, slot, [=] { return g_next.calloc(count, size); });
  return calloc_big(count, size, caller);
}

ALLOCS_EXPORT void* realloc(void* block, std::size_t size) {
  return reallocate(block, size, __builtin_return_address(0));
}

ALLOCS_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t size) {
  if (realloc_is_anothers()) [[unlikely]]
    return g_next.reallocarray(block, count, size);
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return reallocate(block, bytes, __builtin_return_address(0));
}

ALLOCS_EXPORT void* memalign(std::size_t alignment, std::size_t size) {
  return allocated_rarely(g_next.memalign(alignment, size), size, this_call());
}

ALLOCS_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return allocated_rarely(g_next.aligned_alloc(alignment, size), size, this_call());
}

ALLOCS_EXPORT int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  const int error = g_next.posix_memalign(block, alignment, size);
  if (error == 0) allocated_rarely(*block, size, this_call());
  return error;
}

ALLOCS_EXPORT void* valloc(std::size_t size) {
  return allocated_rarely(g_next.valloc(size), size, this_call());
}

ALLOCS_EXPORT void* pvalloc(std::size_t size) {
  return allocated_rarely(g_next.pvalloc(size), size, this_call());
}

ALLOCS_EXPORT void cfree(void* block) {
  freed(block);
  g_next.free(block);
}

ALLOCS_EXPORT std::size_t malloc_usable_size(void* block) {
  return g_next.malloc_usable_size(block);
}

}  // extern "C"
