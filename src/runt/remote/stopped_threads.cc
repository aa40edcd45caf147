// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/stopped_threads.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

namespace allocs::runt::remote {
namespace {

std::vector<int> list_threads(int pid) {
  std::vector<int> ids;
  DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (directory == nullptr) return ids;
  while (const dirent* entry = readdir(directory)) {
    if (const int id = atoi(entry->d_name); id > 0) ids.push_back(id);
  }
  closedir(directory);
  return ids;
}

// Waits until a seized and interrupted thread stands still. Absent: it has ended meanwhile.
std::optional<ThreadState> wait_for_stop(int id) {
  int status = 0;
  pid_t waited;
  do {
    waited = waitpid(id, &status, __WALL);
  } while (waited < 0 && errno == EINTR);
  if (waited != id || !WIFSTOPPED(status)) return std::nullopt;
  ThreadState thread{.id = id};
  const bool is_event = status >> 16 != 0;  // PTRACE_EVENT_STOP: our own interrupt, or a group stop
  if (!is_event) thread.signal = WSTOPSIG(status);
  user_regs_struct user{};
  iovec into{&user, sizeof user};
  if (ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &into) != 0) return std::nullopt;
  thread.registers = registers_of(user);
  thread.thread_pointer = Address{user.fs_base};
  return thread;
}

// A thread that was killed meanwhile stays behind as ours to bury; but the leader's status belongs to its parent.
void let_go(int pid, const ThreadState& thread) {
  const long result = ptrace(PTRACE_DETACH, thread.id, nullptr, static_cast<long>(thread.signal));
  if (result != 0 && errno == ESRCH && thread.id != pid) waitpid(thread.id, nullptr, __WALL);
}

}  // namespace

Result<StoppedThreads> StoppedThreads::stop(int pid) {
  StoppedThreads stopped{pid};
  std::set<int> seen;
  // A thread may make others until it stands still: list them again until there is nothing new.
  for (bool found_new = true; found_new;) {
    found_new = false;
    std::vector<int> seized;
    for (const int id : list_threads(pid)) {
      if (seen.contains(id)) continue;
      if (ptrace(PTRACE_SEIZE, id, nullptr, nullptr) == 0) {
        ptrace(PTRACE_INTERRUPT, id, nullptr, nullptr);
        seized.push_back(id);
        seen.insert(id);
        found_new = true;
      } else if (errno != ESRCH) {
        const bool refused = errno == EPERM || errno == EACCES;
        Failure failure{refused ? Failure::Kind::not_permitted : Failure::Kind::system,
                        "process " + std::to_string(pid) + ": cannot stop thread " +
                            std::to_string(id) + ": " + strerror(errno)};
        if (refused) {
          failure.text +=
              "; run as the same user, check /proc/sys/kernel/yama/ptrace_scope, have "
              "CAP_SYS_PTRACE, "
              "and detach any other debugger";
        }
        for (const int other : seized) {
          if (const auto thread = wait_for_stop(other)) let_go(pid, *thread);
        }
        return failure;
      } else {
        seen.insert(id);  // it ended, or is a zombie leader
      }
    }
    for (const int id : seized) {
      if (const auto thread = wait_for_stop(id)) stopped.threads_.push_back(*thread);
    }
  }
  if (stopped.threads_.empty()) {
    return Failure{Failure::Kind::no_such_process,
                   "process " + std::to_string(pid) + ": no thread of it is left"};
  }
  return stopped;
}

StoppedThreads::StoppedThreads(StoppedThreads&& other) noexcept
    : pid_(other.pid_), threads_(std::exchange(other.threads_, {})) {}

StoppedThreads& StoppedThreads::operator=(StoppedThreads&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(threads_, other.threads_);
  return *this;
}

void StoppedThreads::resume() {
  // The leader comes first, as the kernel lists it: a signal that waits for the process goes to it, and may end the rest.
  for (const ThreadState& thread : threads_) let_go(pid_, thread);
  threads_.clear();
}

}  // namespace allocs::runt::remote
