// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

extern char** environ;

namespace allocs::toolsub {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::size_t kMostChildren = 8;

volatile sig_atomic_t g_pending = 0;
volatile sig_atomic_t g_children[kMostChildren];
std::array<struct sigaction, std::size(kSignals)> g_previous;

void pass_on(int signal, siginfo_t* from, void*) {
  const int error = errno;
  g_pending = signal;
  // The terminal's signals have reached the whole process group already.
  if (from->si_code <= 0) {
    for (const volatile sig_atomic_t& child : g_children) {
      if (child > 0) ::kill(child, signal);
    }
  }
  errno = error;
}

void remember(pid_t pid) {
  for (volatile sig_atomic_t& child : g_children) {
    if (child == 0) {
      child = pid;
      return;
    }
  }
}

void forget(pid_t pid) {
  for (volatile sig_atomic_t& child : g_children) {
    if (child == pid) child = 0;
  }
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  return argv;
}

}  // namespace

void become(const Command& command) {
  ::execv(command.program.c_str(), pointers(command.words).data());
}

int status_of_failed_start(int error) { return error == ENOENT ? 127 : 126; }

void end_like(const Ending& ending) {
  if (WIFSIGNALED(ending.status)) {
    // The program has left its core, if any; this process's would only hide it.
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const int signal = WTERMSIG(ending.status);
    ::signal(signal, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    ::raise(signal);
    ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
    ::_exit(128 + signal);
  }
  std::exit(WEXITSTATUS(ending.status));
}

SignalGuard::SignalGuard() {
  g_pending = 0;
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    struct sigaction action {};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], nullptr, &g_previous[i]);
    if (g_previous[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
  // With SIGCHLD ignored nothing could be waited for.
  ::signal(SIGCHLD, SIG_DFL);
}

SignalGuard::~SignalGuard() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    ::sigaction(kSignals[i], &g_previous[i], nullptr);
}

int SignalGuard::pending() { return g_pending; }

Process::~Process() {
  if (pid_ <= 0) return;
  kill();
  wait();
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

Process Process::start(const Command& command, Output output, int& error) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output == Output::discarded) {
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  }
  Process process;
  error = ::posix_spawn(&process.pid_, command.program.c_str(), &actions, nullptr,
                        pointers(command.words).data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) process.pid_ = -1;
  if (process.is_started()) {
    remember(process.pid_);
    // A signal that came in between has not been passed on.
    if (g_pending != 0) ::kill(process.pid_, g_pending);
  }
  return process;
}

Ending Process::wait() {
  if (pid_ <= 0) return Ending{127 << 8};
  // Forgotten before it is reaped: from then on the number may belong to another process.
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  forget(pid_);
  int status = 0;
  pid_t got;
  do {
    got = ::waitpid(pid_, &status, 0);
  } while (got < 0 && errno == EINTR);
  pid_ = -1;
  return Ending{got < 0 ? 127 << 8 : status};
}

int Process::open_end() const {
  constexpr long kPidfdOpen = 434;  // a system call that headers of glibc before 2.36 do not name
  return pid_ > 0 ? static_cast<int>(::syscall(kPidfdOpen, pid_, 0)) : -1;
}

void Process::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

Ending run(const Command& command, Output output, int& error) {
  return Process::start(command, output, error).wait();
}

}  // namespace allocs::toolsub
