// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/stopped_threads.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "runt/remote/child_process.h"
#include "runt/remote/process_memory.h"

namespace allocs::runt::remote {
namespace {

using testing::Child;

char state_of(int pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  std::getline(file, line);
  return parse_process_stat(line).value_or(ProcessStat{}).state;
}

TEST(StoppedThreads, GoOnWhenTheObjectGoes) {
  Child child;
  {
    const auto stopped = StoppedThreads::stop(child.pid());
    ASSERT_TRUE(stopped);
    EXPECT_EQ(state_of(child.pid()), 't');
  }
  usleep(20'000);
  EXPECT_EQ(state_of(child.pid()), 'S');
}

TEST(StoppedThreads, GoOnWhenTheToolIsKilled) {
  for (const int signal : {SIGINT, SIGKILL}) {
    Child child;
    const pid_t tool = fork();
    if (tool == 0) {
      const auto stopped = StoppedThreads::stop(child.pid());
      for (;;) pause();
    }
    for (int i = 0; i < 200 && state_of(child.pid()) != 't'; ++i) usleep(5'000);
    EXPECT_EQ(state_of(child.pid()), 't');
    kill(tool, signal);
    waitpid(tool, nullptr, 0);
    for (int i = 0; i < 200 && state_of(child.pid()) != 'S'; ++i) usleep(5'000);
    EXPECT_EQ(state_of(child.pid()), 'S');
  }
}

TEST(StoppedThreads, ASignalMeanwhileIsDeliveredAfterwards) {
  Child child;
  {
    const auto stopped = StoppedThreads::stop(child.pid());
    ASSERT_TRUE(stopped);
    kill(child.pid(), SIGTERM);
    usleep(20'000);
    EXPECT_EQ(state_of(child.pid()), 't');
  }
  int status = 0;
  EXPECT_EQ(waitpid(child.pid(), &status, 0), child.pid());
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

}  // namespace
}  // namespace allocs::runt::remote
