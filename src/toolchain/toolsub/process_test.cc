// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "toolchain/toolsub/find_program.h"

namespace allocs::toolsub {
namespace {

Command shell(const std::string& script) { return {"/bin/sh", {"sh", "-c", script}}; }

Ending run_shell(const std::string& script) {
  int error = 0;
  return run(shell(script), Output::discarded, error);
}

// How a process ends that ends like `script`.
int ending_of_wrapper(const std::string& script) {
  const pid_t child = ::fork();
  if (child == 0) {
    const SignalGuard guard;
    end_like(run_shell(script));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(Process, ExitStatusAndSignalArePassedOn) {
  EXPECT_EQ(WEXITSTATUS(ending_of_wrapper("exit 7")), 7);
  EXPECT_EQ(WTERMSIG(ending_of_wrapper("kill -SEGV $$")), SIGSEGV);
  EXPECT_EQ(WTERMSIG(ending_of_wrapper("kill -INT $$")), SIGINT);
}

TEST(Process, WhatIsNotThereSaysSo) {
  int error = 0;
  EXPECT_EQ(WEXITSTATUS(run({"/no/such/program", {"x"}}, Output::discarded, error).status), 127);
  EXPECT_EQ(error, ENOENT);
  EXPECT_EQ(status_of_failed_start(ENOENT), 127);
  EXPECT_EQ(status_of_failed_start(EACCES), 126);
}

TEST(Process, ASignalForTheWrapperReachesTheChildAndIsWaitedFor) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer holds handlers back while waitid, which it does not know, waits";
#endif
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t wrapper = ::fork();
  if (wrapper == 0) {
    const SignalGuard guard;
    int error = 0;
    Process child = Process::start(shell("trap 'exit 42' TERM; while :; do sleep 0.01; done"),
                                   Output::discarded, error);
    ::usleep(200'000);
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    end_like(child.wait());
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(wrapper, SIGTERM);
  int status = 0;
  ::waitpid(wrapper, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST(Process, AnIgnoredSignalStaysIgnored) {
  ::signal(SIGINT, SIG_IGN);
  {
    const SignalGuard guard;
    ::raise(SIGINT);
    EXPECT_EQ(SignalGuard::pending(), 0);
  }
  ::signal(SIGINT, SIG_DFL);
}

TEST(FindProgram, LooksAlongThePathAndPassesItselfOver) {
  EXPECT_NE(find_program("sh"), "");
  EXPECT_EQ(find_program("no-such-program-anywhere"), "");
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program(own_program()), "");
}

}  // namespace
}  // namespace allocs::toolsub
