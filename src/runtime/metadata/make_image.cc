// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/make_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/every_process.h"
#include "base/raw_signal.h"
#include "base/raw_syscall.h"

// Starting a process behind the host's back.
//
// A child that the host did not start must not be seen by it: its SIGCHLD could run a handler, its exit status could satisfy a
// wait(-1). The kernel takes the exit signal from clone()'s flags, and a child with exit signal 0 is reaped only by whoever says
// __WCLONE. But exec sets the exit signal back to SIGCHLD. So there are two:
//
//   host --clone(exit signal 0, shared memory)--> go-between --clone(vfork)--> the tool, after exec
//
// The go-between never execs. It waits for the tool, stores its status in the shared memory and exits; the kernel then clears a word and
// wakes whoever waits on it (CLONE_CHILD_CLEARTID). The host's thread waits on that word with a time limit, then reaps the
// go-between with __WCLONE. After a time-out both go on; the go-between's stack is then left to it, and when it has ended it stays a
// zombie until a later query buries it (bury_ended_helpers). (A helper that init inherits would not be ours to bury; but the host may
// be init, as in most containers.)
// All signals are blocked from before the first clone, so the go-between runs no handler of the host's in the host's memory. It makes raw
// system calls only: it shares the host thread's errno and thread pointer.
namespace allocs::metadata {

namespace {

constexpr std::size_t kStackSize = 64 * 1024;
constexpr std::size_t kMostVariables = 8 + std::size(kDeclaringVariables);  // with the end
constexpr rlim_t kMemoryLimit = rlim_t{6} << 30;

// Lies at the low end of the go-between's stack mapping.
struct Job {
  const char* arguments[7];
  const char* environment[kMostVariables];
  int alive;   // set before clone; the kernel stores 0 and wakes at exit
  int status;  // of the tool, as wait4 gives it; -1: not started
};

[[noreturn]] void leave(int code) {
  for (;;) raw_syscall(SYS_exit, code);
}

// In the tool's process, before exec. Shares memory with the go-between, which is suspended meanwhile.
int become_tool(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  constexpr unsigned kAll = ~0u;
  raw_syscall(SYS_close_range, 0u, kAll, 0u);
  raw_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);  // descriptor 0
  raw_syscall(SYS_dup2, 0, 1);
  raw_syscall(SYS_dup2, 0, 2);
  raw_syscall(SYS_setpgid, 0, 0);
  const rlimit limit{kMemoryLimit, kMemoryLimit};
  raw_syscall(SYS_prlimit64, 0, RLIMIT_AS, &limit, 0L);
  const rlimit no_core{0, 0};
  raw_syscall(SYS_prlimit64, 0, RLIMIT_CORE, &no_core, 0L);
  for (int signal = 1; signal < NSIG; ++signal) {
    const KernelSigaction standard{};
    raw_sigaction(signal, &standard);
  }
  const unsigned long none = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0L, sizeof(none));
  raw_syscall(SYS_execve, job.arguments[0], job.arguments, job.environment);
  leave(127);
}

extern "C" int clone(int (*function)(void*), void* stack, int flags, void* argument, ...) noexcept;
using CloneFunction = int (*)(int (*)(void*), void*, int, void*, ...);
constinit CloneFunction g_clone = clone;

int go_between(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  char* inner_stack = reinterpret_cast<char*>(&job) + kStackSize / 2;
  const int tool = g_clone(become_tool, inner_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &job);
  if (tool > 0) {
    int status = -1;
    SyscallResult waited;
    do {
      waited = raw_syscall(SYS_wait4, tool, &status, __WALL, 0L);
    } while (waited.error() == 4 /* EINTR */);
    __atomic_store_n(&job.status, waited.ok() ? status : -1, __ATOMIC_RELEASE);
  }
  leave(0);
}

bool wait_until_gone(int& alive, unsigned timeout_ms) {
  timespec deadline;
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += timeout_ms / 1000;
  deadline.tv_nsec += static_cast<long>(timeout_ms % 1000) * 1'000'000;
  if (deadline.tv_nsec >= 1'000'000'000) {
    deadline.tv_nsec -= 1'000'000'000;
    ++deadline.tv_sec;
  }
  for (;;) {
    const int seen = __atomic_load_n(&alive, __ATOMIC_ACQUIRE);
    if (seen == 0) return true;
    const auto woken = raw_syscall(SYS_futex, &alive, FUTEX_WAIT_BITSET, seen, &deadline, 0L,
                                   FUTEX_BITSET_MATCH_ANY);
    if (woken.error() == 110 /* ETIMEDOUT */) return __atomic_load_n(&alive, __ATOMIC_ACQUIRE) == 0;
  }
}

// Valgrind runs the program on a processor of its own making, which ends the program at clone flags that it does not know. Its magic
// sequence of rotations does nothing elsewhere; there it answers the request in rax (0x1001: are you there?).
bool runs_under_valgrind() {
#if defined(__x86_64__)
  volatile std::uint64_t request[6] = {0x1001, 0, 0, 0, 0, 0};
  std::uint64_t answer = 0;
  asm volatile(
      "rolq $3, %%rdi; rolq $13, %%rdi\n\t"
      "rolq $61, %%rdi; rolq $51, %%rdi\n\t"
      "xchgq %%rbx, %%rbx"
      : "+d"(answer)
      : "a"(&request[0])
      : "cc", "memory");
  return answer != 0;
#else
  return false;
#endif
}

}  // namespace

namespace {

// Helpers that nobody waits for. One that finds no slot stays a zombie as long as the host lives.
struct Helper {
  int process;  // 0: none; -1: being looked at
  char* stack;
};
ALLOCS_APART constinit Helper g_left_alone[16] = {};
constinit unsigned g_left_alone_count = 0;

void leave_alone(int process, char* stack) {
  for (Helper& slot : g_left_alone) {
    int none = 0;
    if (!__atomic_compare_exchange_n(&slot.process, &none, -1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
      continue;
    slot.stack = stack;
    __atomic_store_n(&slot.process, process, __ATOMIC_RELEASE);
    __atomic_add_fetch(&g_left_alone_count, 1, __ATOMIC_RELEASE);
    return;
  }
}

}  // namespace

void bury_ended_helpers() {
  if (__atomic_load_n(&g_left_alone_count, __ATOMIC_ACQUIRE) == 0) return;
  for (Helper& slot : g_left_alone) {
    int process = __atomic_load_n(&slot.process, __ATOMIC_ACQUIRE);
    if (process <= 0 || !__atomic_compare_exchange_n(&slot.process, &process, -1, false,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    // An error means that it is no child of ours any more: a host that waits for everything has buried it, or we are a fork.
    const auto waited = raw_syscall(SYS_wait4, process, 0L, __WCLONE | WNOHANG, 0L);
    if (waited.value == 0) {
      __atomic_store_n(&slot.process, process, __ATOMIC_RELEASE);
      continue;
    }
    raw_syscall(SYS_munmap, slot.stack, kStackSize);
    __atomic_sub_fetch(&g_left_alone_count, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&slot.process, 0, __ATOMIC_RELEASE);
  }
}

MakeResult make_image(const char* tool, const char* object, const Places& places,
                      unsigned timeout_ms) {
  if (runs_under_valgrind()) return MakeResult::failed;
  const auto mapped = raw_syscall(SYS_mmap, 0L, kStackSize, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  if (!mapped.ok()) return MakeResult::failed;
  char* stack = reinterpret_cast<char*>(mapped.value);
  auto& job = *reinterpret_cast<Job*>(stack);
  job = {.arguments = {tool, "meta", "build", "--quiet", "--lenient", object, nullptr},
         .environment = {},
         .alive = 1,
         .status = -1};
  std::size_t variables = 0;
  for (const char* variable :
       {places.home(), places.xdg_cache_home(), places.search_path(), places.xdg_config_home(),
        places.first_configuration(), "LC_ALL=C", "PATH=/usr/bin:/bin"}) {
    if (variable[0] != '\0') job.environment[variables++] = variable;
  }
  for (std::size_t i = 0; i < std::size(kDeclaringVariables); ++i) {
    const char* variable = places.declaring_variable(i);
    if (variable[0] != '\0') job.environment[variables++] = variable;
  }

  int child;
  {
    const BlockedSignals blocked;
    const int saved_errno = errno;
    child = g_clone(go_between, stack + kStackSize, CLONE_VM | CLONE_CHILD_CLEARTID, &job, nullptr,
                    nullptr, &job.alive);
    errno = saved_errno;
  }
  if (child < 0) {
    raw_syscall(SYS_munmap, stack, kStackSize);
    return MakeResult::failed;
  }
  if (!wait_until_gone(job.alive, timeout_ms)) {
    leave_alone(child, stack);
    return MakeResult::unfinished;
  }
  raw_syscall(SYS_wait4, child, 0L, __WCLONE, 0L);
  const int status = __atomic_load_n(&job.status, __ATOMIC_ACQUIRE);
  raw_syscall(SYS_munmap, stack, kStackSize);
  return status == 0 ? MakeResult::made : MakeResult::failed;
}

void set_clone(void* function) {
  if (function != nullptr) g_clone = reinterpret_cast<CloneFunction>(function);
}

}  // namespace allocs::metadata
