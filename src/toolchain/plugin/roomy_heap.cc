// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/roomy_heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>

namespace allocs::plugin {

namespace {

constexpr std::size_t kRoom = std::size_t{64} << 20;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::uintptr_t end_of_heap() { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

std::uintptr_t huge_page_after(std::uintptr_t address) {
  return (address + kHugePage - 1) & ~(kHugePage - 1);
}

}  // namespace

void make_heap_roomy() {
  ::mallopt(M_TOP_PAD, kRoom);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
  ::mallopt(M_MMAP_THRESHOLD, int{32} << 20);  // no value above is taken
  const std::uintptr_t begin = huge_page_after(end_of_heap());
  void* volatile block =
      std::malloc(kHugePage);  // more than is left: the heap grows by this and kRoom
  std::free(block);
  const std::uintptr_t end = end_of_heap() & ~(kHugePage - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace allocs::plugin
