// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/malloc_family.h"

// What the hooks of free and realloc call from the time on when a block is held for the first time.

namespace allocs::allocators {

using namespace index;

namespace {

struct {
  void (*free)(void*) = nullptr;
  void* (*realloc)(void*, std::size_t) = nullptr;
} constinit g_real;

void free_unless_held(void* block) {
  if (may_be_held(block)) [[unlikely]] {
    if (keeps_freed_block(block)) return;
  }
  g_real.free(block);
}

void* reallocate_unless_held(void* block, std::size_t size) {
  if (!may_be_held(block)) [[likely]]
    return g_real.realloc(block, size);
  PlainResize arguments{block, size};
  return reallocate_held(block, size, resize_really, &arguments);
}

}  // namespace

void watch_frees() {
  g_real.free = g_next.free;
  g_real.realloc = g_next.realloc;
  store_release(g_next.free, free_unless_held);
  store_release(g_next.realloc, reallocate_unless_held);
}

void free_really(void* block) { g_real.free(block); }
std::uint64_t resize_really(void* arguments) {
  const auto& [block, size] = *static_cast<const PlainResize*>(arguments);
  return raw(address_of(g_real.realloc(block, size)));
}

}  // namespace allocs::allocators
