// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/own_scratch.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>

#include "base/raw_syscall.h"
#include "runtime/allocators/own_memory.h"

namespace allocs::preload {

namespace {

// Whose holder is a process: a forked child does not wait for threads that it does not have.
struct Kept {
  std::atomic<int> holder{0};  // process id; 0: free
  void* pages = nullptr;       // the holder's
  std::size_t size = 0;
};
constexpr int kPieces = 8;
constinit Kept g_kept[kPieces];

int take_kept() {
  const int process = static_cast<int>(raw_syscall(SYS_getpid).value);
  for (int i = 0; i < kPieces; ++i) {
    int holder = g_kept[i].holder.load(std::memory_order_relaxed);
    if (holder != process &&
        g_kept[i].holder.compare_exchange_strong(holder, process, std::memory_order_acquire))
      return i;
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
  g_kept[kept_].holder.store(0, std::memory_order_release);
}

}  // namespace allocs::preload
