// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runt/remote/result.h"
#include "runt/remote/thread_state.h"

namespace allocs::runt::remote {

// All threads of a process, held still by ptrace as long as this object lives.
//
// They are seized, not attached: the process gets no signal and its waiting parent sees nothing. If this program dies in
// any way, the kernel lets them go on. A signal that arrived meanwhile is delivered when they do.
// ptrace belongs to a thread: destroy it in the thread that made it. The process cannot be under another debugger.
class StoppedThreads {
 public:
  // All of them, also those that are made meanwhile. Resumes whatever was stopped if it fails.
  static Result<StoppedThreads> stop(int pid);

  StoppedThreads(StoppedThreads&& other) noexcept;
  StoppedThreads& operator=(StoppedThreads&& other) noexcept;
  ~StoppedThreads() { resume(); }
  void resume();

  const std::vector<ThreadState>& all() const { return threads_; }

 private:
  explicit StoppedThreads(int pid) : pid_(pid) {}
  int pid_;
  std::vector<ThreadState> threads_;
};

}  // namespace allocs::runt::remote
