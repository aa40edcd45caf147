// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/own_scratch.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/own_memory.h"

namespace allocs::preload {

namespace {

// What a thread holds at a fork is lost to the child: it may be the thread that forked, and not done with it.
struct Kept {
  std::atomic<bool> is_held{false};
  void* pages = nullptr;  // the holder's
  std::size_t size = 0;
};
constexpr int kPieces = 8;
ALLOCS_APART constinit Kept g_kept[kPieces];

int take_kept() {
  for (int i = 0; i < kPieces; ++i) {
    const bool looks_free = !g_kept[i].is_held.load(std::memory_order_relaxed);
    if (looks_free && !g_kept[i].is_held.exchange(true, std::memory_order_acquire)) return i;
  }
  return -1;
}

void* pages_of(Kept& kept, std::size_t size) {
  if (kept.size >= size) return kept.pages;
  if (kept.pages != nullptr) allocators::unmap_own_pages(kept.pages, kept.size);
  // Addresses are cheap, and each new piece is one more on the list.
  kept.size = size + size / 2;
  kept.pages = allocators::map_own_pages(kept.size);
  if (kept.pages == nullptr) kept.size = 0;
  return kept.pages;
}

}  // namespace

OwnScratch::OwnScratch(std::size_t size) : size_(size), kept_(take_kept()) {
  void* const pages = kept_ >= 0 ? pages_of(g_kept[kept_], size) : allocators::map_own_pages(size);
  bytes_ = static_cast<std::byte*>(pages);
}

OwnScratch::~OwnScratch() {
  if (kept_ < 0) {
    if (bytes_ != nullptr) allocators::unmap_own_pages(bytes_, size_);
    return;
  }
  const bool is_zeroed =
      bytes_ == nullptr || raw_syscall(SYS_madvise, bytes_, size_, MADV_DONTNEED).ok();
  if (!is_zeroed) std::memset(bytes_, 0, size_);  // locked in memory
  g_kept[kept_].is_held.store(false, std::memory_order_release);
}

}  // namespace allocs::preload
