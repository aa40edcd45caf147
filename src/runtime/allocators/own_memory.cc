// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/own_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/doubling.h"
#include "runtime/index/records.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kBlockSize = std::size_t{1} << 18;
constexpr int kMadviseWipeOnFork = 18;

constexpr std::size_t whole_pages(std::size_t size) {
  return (size + kPageSize - 1) & ~(kPageSize - 1);
}

// The first chunk of ranges: most processes need no more.
constinit std::array<OwnRange, std::size_t{1} << kOwnRangeFirstShift> g_first_ranges{};
union ForkPages {
  ForkPage page;
  std::byte bytes[kPageSize];
};
ALLOCS_APART alignas(kPageSize) constinit ForkPages g_fork_pages{.bytes = {}};

// A block of bytes: `at` moves down to `begin`, by compare-and-swap. A full one is left for a new one.
struct Block {
  std::uint64_t at;
  std::uint64_t begin;
};
constinit Block g_first_bytes{};
constinit Block* g_block = nullptr;
constinit std::uint32_t g_others_are_stopped = 0;

[[ALLOCS_EVERY_PROCESS]] void* map_pages(std::size_t size) {
  if (!may_map_memory()) return nullptr;
  const SyscallResult at = raw_syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at.ok() ? reinterpret_cast<void*>(at.value) : nullptr;
}

[[ALLOCS_EVERY_PROCESS]] OwnRange* range_at(std::uint64_t number) {
  const Place place = place_of<kOwnRangeFirstShift>(number);
  if (place.chunk >= kOwnRangeChunks) return nullptr;
  Address chunk = load_acquire(g_root.own_range_chunks[place.chunk]);
  if (chunk == Address{}) {
    const std::size_t size =
        whole_pages(chunk_capacity<kOwnRangeFirstShift>(place.chunk) * sizeof(OwnRange));
    void* const made = place.chunk == 0 ? g_first_ranges.data() : map_pages(size);
    if (made == nullptr) return nullptr;
    if (compare_exchange(g_root.own_range_chunks[place.chunk], chunk, address_of(made))) {
      chunk = address_of(made);
    } else if (place.chunk != 0) {
      raw_syscall(SYS_munmap, made, size);
    }
  }
  return reinterpret_cast<OwnRange*>(raw(chunk)) + place.index;
}

[[ALLOCS_EVERY_PROCESS]] void list(void* pages, std::size_t size) {
  OwnRange* const range = range_at(fetch_add(g_root.own_range_count, 1u));
  if (range == nullptr) return;
  range->begin = address_of(pages);
  store_release(range->size, std::uint64_t{size});
}

[[ALLOCS_EVERY_PROCESS]] Block* first_block() {
  Block* none = nullptr;
  if (load_relaxed(g_first_bytes.begin) == 0) {
    const std::uint64_t begin = raw(address_of(g_hot.first_block.data()));
    std::uint64_t unset = 0;
    compare_exchange(g_first_bytes.at, unset, begin + g_hot.first_block.size());
    store_release(g_first_bytes.begin, begin);
  }
  compare_exchange(g_block, none, &g_first_bytes);
  return load_acquire(g_block);
}

// A new block whose header is its own last bytes.
[[ALLOCS_EVERY_PROCESS]] Block* next_block(Block* full, std::size_t size) {
  const std::size_t whole = whole_pages(
      size + sizeof(Block) + kPageSize > kBlockSize ? size + 2 * kPageSize : kBlockSize);
  void* const pages = map_own_pages(whole);
  if (pages == nullptr) return nullptr;
  const std::uint64_t begin = raw(address_of(pages));
  auto* const block = reinterpret_cast<Block*>(begin + whole - sizeof(Block));
  block->at = raw(address_of(block));
  block->begin = begin;
  if (compare_exchange(g_block, full, block)) return block;
  unmap_own_pages(pages, whole);
  return full;
}

}  // namespace

constinit ForkPage& g_fork_page = g_fork_pages.page;
constinit std::uint64_t g_first_table_lock = 0;

[[ALLOCS_EVERY_PROCESS]] void refuse_huge_pages(void* pages, std::size_t size) {
  if (!is_sandboxed()) raw_syscall(SYS_madvise, pages, size, MADV_NOHUGEPAGE);
}

[[ALLOCS_EVERY_PROCESS]] void* map_own_pages(std::size_t size) {
  size = whole_pages(size);
  void* const pages = map_pages(size);
  if (pages == nullptr) {
    fetch_add(g_root.counters.own_memory_failed, std::uint64_t{1});
    return nullptr;
  }
  if (size >= kHugePage) refuse_huge_pages(pages, size);
  list(pages, size);
  return pages;
}

[[ALLOCS_EVERY_PROCESS]] void* map_own_pages(std::size_t size, Refusals& refusals) {
  constexpr std::uint32_t kRarest = 12;  // power of two
  // Several threads may count at once, and lose some: that is no harm.
  const std::uint32_t to_skip = load_relaxed(refusals.to_skip);
  if (to_skip != 0) {
    store_relaxed(refusals.to_skip, to_skip - 1);
    return nullptr;
  }
  void* const pages = map_own_pages(size);
  const std::uint32_t in_a_row = pages != nullptr ? 0 : load_relaxed(refusals.in_a_row) + 1;
  store_relaxed(refusals.in_a_row, in_a_row);
  if (in_a_row != 0)
    store_relaxed(refusals.to_skip, (1u << (in_a_row < kRarest ? in_a_row : kRarest)) - 1);
  return pages;
}

void unmap_own_pages(void* pages, std::size_t size) {
  size = whole_pages(size);
  const std::uint32_t count = load_acquire(g_root.own_range_count);
  for (std::uint32_t number = 0; number < count; ++number) {
    OwnRange* const range = range_at(number);
    if (range != nullptr && load_acquire(range->size) != 0 && range->begin == address_of(pages)) {
      store_release(range->size, std::uint64_t{0});
      break;
    }
  }
  raw_syscall(SYS_munmap, pages, size);
}

[[ALLOCS_EVERY_PROCESS]] void* allocate_own(std::size_t size, std::size_t alignment) {
  Block* block = load_acquire(g_block);
  if (block == nullptr) block = first_block();
  while (block != nullptr) {
    std::uint64_t at = load_acquire(block->at);
    const std::uint64_t free = at - block->begin;
    const std::uint64_t begin = (at - size) & ~(std::uint64_t{alignment} - 1);
    if (size > free || begin < block->begin) {
      block = next_block(block, size + alignment);
    } else if (compare_exchange(block->at, at, begin)) {
      return reinterpret_cast<void*>(begin);
    }
  }
  return nullptr;
}

constexpr std::size_t kLargeChunk = std::size_t{1} << 15;
[[ALLOCS_EVERY_PROCESS]] void* allocate_chunk(std::size_t size) {
  return size >= kLargeChunk ? map_own_pages(size) : allocate_own(size, 64);
}
void give_back_chunk(void* chunk, std::size_t size) {
  if (size >= kLargeChunk) unmap_own_pages(chunk, size);
}

bool others_are_stopped() { return load_acquire(g_others_are_stopped) != 0; }
void set_others_stopped(bool are_stopped) {
  store_release(g_others_are_stopped, std::uint32_t{are_stopped});
}

[[ALLOCS_EVERY_PROCESS]] bool may_lock_loader() {
  if (others_are_stopped()) return false;
  return g_root.process_token == Address{} || load_acquire(g_fork_page.loader_lock_is_sound) != 0;
}

void open_fork_page(bool is_child) {
  // A child inherits the advice with the mapping.
  if (!is_sandboxed()) raw_syscall(SYS_madvise, &g_fork_pages, kPageSize, kMadviseWipeOnFork);
  const bool is_first = g_root.process_token == Address{};
  if (is_first) store_release(g_fork_page.loader_lock_is_sound, std::uint64_t{1});
  store_release(g_fork_page.token, std::uint64_t{1});
  g_root.process_token = address_of(&g_fork_page.token);
  TableLock::move_to_fork_page(is_child);
}

}  // namespace allocs::allocators
