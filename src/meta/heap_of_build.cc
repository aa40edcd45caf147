// SPDX-License-Identifier: Apache-2.0
#include "meta/heap_of_build.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace allocs::meta {

namespace {

constexpr int kRoom = 256 << 20;
constexpr int kLargestBlock = 32 << 20;  // in the heap; glibc allows no more
constexpr std::uintptr_t kHugePage = 2 << 20;
constexpr std::size_t kFirstBlock = 256 << 10;  // more than malloc keeps free at the heap's end

bool is_plenty_of_addresses() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur / 8 >= kRoom;
}

std::uintptr_t end_of_heap() { return reinterpret_cast<std::uintptr_t>(sbrk(0)); }

}  // namespace

void prepare_heap_of_build() {
  static bool is_done = false;
  if (is_done || !is_plenty_of_addresses()) return;
  is_done = true;
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, kLargestBlock);
  mallopt(M_TRIM_THRESHOLD, kRoom + kLargestBlock);
  // The heap grows by what a block needs and the pad: so this block makes the room. It is small because malloc writes behind it, and what is in use
  // before the advice stays in small pages.
  const std::uintptr_t before = end_of_heap();
  mallopt(M_TOP_PAD, kRoom);
  void* volatile const block = std::malloc(kFirstBlock);
  std::free(block);
  mallopt(M_TOP_PAD, static_cast<int>(kHugePage));
  const std::uintptr_t from = (before + kHugePage - 1) & ~(kHugePage - 1);
  const std::uintptr_t end = end_of_heap() & ~(kHugePage - 1);
  if (from < end) madvise(reinterpret_cast<void*>(from), end - from, MADV_HUGEPAGE);
}

}  // namespace allocs::meta
