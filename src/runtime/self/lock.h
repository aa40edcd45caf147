// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace allocs::self {

// Mutual exclusion among the threads of one process, with a time limit. The holder is a process id, so that a forked child does not wait
// for a thread that it does not have. Never taken by hooks or by ALLOC_NOWAIT queries, nor in a sandbox: it takes system calls.
class ProcessLock {
 public:
  constexpr ProcessLock() = default;

  class Guard {
   public:
    Guard(ProcessLock& lock, unsigned timeout_ms) : lock_(lock), held_(lock.acquire(timeout_ms)) {}
    ~Guard() {
      if (held_) lock_.release();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    bool is_held() const { return held_; }
    // For who asked: why it is not held.
    int error() const;

   private:
    ProcessLock& lock_;
    bool held_;
  };

 private:
  bool acquire(unsigned timeout_ms);
  void release();

  std::atomic<int> holder_{0};  // process id; 0: free
};

}  // namespace allocs::self
