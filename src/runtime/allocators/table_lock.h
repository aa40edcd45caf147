// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

// The thread control block, which is also what identifies a thread here. Context: signal.
inline std::uint64_t thread_pointer() {
  std::uint64_t value;
  asm("mov %%fs:0, %0" : "=r"(value));
  return value;
}

// The right to write the module and thread tables. Not a lock that anyone may sleep on: it is refused to a thread that
// holds it already (a signal handler that allocates), and to one that waited a millisecond or so (the holder may be waiting for
// the loader, which may be waiting for us). Whoever is refused does without. Once there is a page that a fork wipes it lies there, so that a
// child is not born with it taken.
// Context: hook.
class TableLock {
 public:
  [[ALLOCS_EVERY_PROCESS]] TableLock() {
    constexpr int kSpins = 200;
    constexpr int kYields = 2000;
    for (int attempt = 0; attempt < kSpins + kYields; ++attempt) {
      const bool has_moved = index::load_acquire(g_first_table_lock) == kTableLockMoved;
      std::uint64_t& word = has_moved ? g_fork_page.table_lock : g_first_table_lock;
      std::uint64_t holder = 0;
      if (index::compare_exchange(word, holder, thread_pointer())) {
        word_ = &word;
        return;
      }
      if (holder == thread_pointer()) return;
      if (attempt < kSpins) {
        __builtin_ia32_pause();
      } else if (!is_sandboxed()) {
        raw_syscall(SYS_sched_yield);
      }
    }
  }
  [[ALLOCS_EVERY_PROCESS]] ~TableLock() {
    if (word_ == nullptr) return;
    index::store_release(*word_, std::uint64_t{0});
    // The page may have been opened meanwhile, by a handler on top of this thread.
    if (word_ == &g_first_table_lock && g_root.process_token != Address{}) move_to_fork_page(false);
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;
  explicit operator bool() const { return word_ != nullptr; }

  // From now on it lies in the page that a fork wipes. Not if this thread holds it where it is, or another one for too long; then it moves when that
  // one lets go. In a child, other threads' holds are void.
  static void move_to_fork_page(bool is_child) {
    constexpr int kYields = 2000;
    for (int attempt = 0; attempt < kYields; ++attempt) {
      std::uint64_t holder = index::load_acquire(g_first_table_lock);
      if (holder == kTableLockMoved || holder == thread_pointer()) return;
      if (!is_child) holder = 0;
      if (index::compare_exchange(g_first_table_lock, holder, kTableLockMoved)) return;
      if (!is_sandboxed()) raw_syscall(SYS_sched_yield);
    }
  }

 private:
  std::uint64_t* word_ = nullptr;
};

}  // namespace allocs::allocators
