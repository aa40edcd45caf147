// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>

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
// the loader, which may be waiting for us). Whoever is refused does without. It lies in the page that a fork wipes, so a
// child is never born with it taken.
// Context: hook.
class TableLock {
 public:
  TableLock() {
    constexpr int kSpins = 200;
    constexpr int kYields = 2000;
    for (int attempt = 0; attempt < kSpins + kYields; ++attempt) {
      std::uint64_t holder = 0;
      if (index::compare_exchange(g_fork_page.table_lock, holder, thread_pointer())) {
        held_ = true;
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
  ~TableLock() {
    if (held_) index::store_release(g_fork_page.table_lock, std::uint64_t{0});
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;
  explicit operator bool() const { return held_; }

 private:
  bool held_ = false;
};

}  // namespace allocs::allocators
