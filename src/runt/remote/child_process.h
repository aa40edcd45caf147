// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

// Test support: a child that is forked from the test itself, has some threads deep in known calls, and says over a pipe
// where everything of it is. It can be read live, dumped by gcore, or told to die with a core of its own.
namespace allocs::runt::remote::testing {

inline constexpr int kThreads = 3;
inline constexpr int kDepth = 25;
inline constexpr int kMostFrames = 64;

struct SeenFrame {
  uint64_t pc, sp;
};

// What one thread of the child knows about itself.
struct ThreadReport {
  int id = 0;
  uint64_t thread_pointer = 0;
  int frame_count = 0;
  SeenFrame frames[kMostFrames];  // from the function that parks it outwards
};

struct ChildReport {
  uint64_t secret = 0;  // a value that only the child has, and where it is
  uint64_t secret_at = 0;
  ThreadReport threads[kThreads];
};

class Child {
 public:
  Child();   // returns when every thread of the child is parked
  ~Child();  // kills it if it is still there
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pid() const { return pid_; }
  const ChildReport& report() const { return report_; }
  const std::filesystem::path& folder() const { return folder_; }  // of its own, where a core goes
  // Both leave the path of the core, or an empty one where this machine makes none.
  std::filesystem::path abort_with_core();
  std::filesystem::path gcore() const;

 private:
  int pid_ = -1;
  ChildReport report_;
  std::filesystem::path folder_;
};

}  // namespace allocs::runt::remote::testing
