// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/process_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "runt/remote/child_expectations_test.h"
#include "runt/remote/stopped_threads.h"

namespace allocs::runt::remote {
namespace {

using testing::Child;
using testing::expect_the_child;
using testing::expect_the_childs_stacks;
using testing::milliseconds_of;

TEST(ProcessMemory, ALiveProcessIsReadAndUnwound) {
  Child child;
  auto [memory, objects] =
      testing::see<ProcessMemory>("attach", [&] { return ProcessMemory::attach(child.pid()); });
  ASSERT_TRUE(*memory) << memory->failure().text;
  expect_the_child(**memory, *objects, child.report());
  const auto vectors = read_stack_vectors(**memory, (*memory)->start_of_stack());
  ASSERT_TRUE(vectors);
  EXPECT_EQ(read_auxiliary_vector(**memory, vectors->auxv).entry,
            (*memory)->auxiliary_vector().entry);
  EXPECT_EQ((*memory)->command_line().size(), vectors->argc);
  EXPECT_FALSE((*memory)->mappings().empty());

  std::optional<Result<StoppedThreads>> stopped;
  const double stop = milliseconds_of([&] { stopped.emplace(StoppedThreads::stop(child.pid())); });
  ASSERT_TRUE(*stopped) << stopped->failure().text;
  printf("  stopping %zu threads: %.2f ms\n", (*stopped)->all().size(), stop);
  (*memory)->refresh();
  expect_the_childs_stacks(**memory, *objects, (*stopped)->all(), child.report());
}

TEST(ProcessMemory, ViewsOverPageEndsAreWholeAndStay) {
  Child child;
  const auto memory = ProcessMemory::attach(child.pid());
  ASSERT_TRUE(memory);
  // This process's own text is the child's text.
  const Address text = address_of(reinterpret_cast<const void*>(&milliseconds_of<void (*)()>));
  const Address page{(raw(text) & ~std::uint64_t{4095}) + 4096 - 100};
  const std::byte* view = memory->view(page, 200);
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(std::memcmp(view, reinterpret_cast<const void*>(raw(page)), 200), 0);
  EXPECT_EQ(memory->view(page, 200), view);
  EXPECT_EQ(memory->view(Address{0}, 8), nullptr);
  EXPECT_EQ(memory->view(Address{8}, std::size_t{1} << 40), nullptr);
  EXPECT_EQ(memory->view(Address{~std::uint64_t{0} - 3}, 8), nullptr);
}

TEST(ProcessMemory, RefusalsSayWhyAndWhatToDo) {
  const auto nobody = ProcessMemory::attach(0x3FFFFFFF);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.failure().kind, Failure::Kind::no_such_process);
  if (getpid() != 2 && access("/proc/2/stat", R_OK) == 0) {
    std::ifstream name{"/proc/2/comm"};
    std::string text;
    name >> text;
    const auto kernel = ProcessMemory::attach(2);
    if (text == "kthreadd") {
      ASSERT_FALSE(kernel);
      EXPECT_EQ(kernel.failure().kind, Failure::Kind::kernel_thread);
    }
  }
  Child child;
  kill(child.pid(), SIGKILL);
  usleep(50'000);  // now a zombie: nobody has waited for it
  const auto zombie = ProcessMemory::attach(child.pid());
  ASSERT_FALSE(zombie);
  EXPECT_EQ(zombie.failure().kind, Failure::Kind::no_such_process);
  EXPECT_NE(zombie.failure().text.find("exited"), std::string::npos);
}

TEST(ProcessMemory, AnotherUsersProcessIsNotPermitted) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  Child child;  // root's
  const pid_t other = fork();
  if (other == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    const auto memory = ProcessMemory::attach(child.pid());
    const bool right = !memory && memory.failure().kind == Failure::Kind::not_permitted &&
                       memory.failure().text.find("CAP_SYS_PTRACE") != std::string::npos;
    const auto threads = StoppedThreads::stop(child.pid());
    _exit(right && !threads && threads.failure().kind == Failure::Kind::not_permitted ? 0 : 1);
  }
  int status = -1;
  waitpid(other, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ProcessStat, TheNameMayHoldAnything) {
  const std::string line =
      "77 (a) b (c)) S 1 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 100 200 300 400 500 600 "
      "140722 1 2\n";
  const auto stat = parse_process_stat(line);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->flags, 4194304u);
  EXPECT_EQ(stat->start_of_stack, 140722u);
  EXPECT_FALSE(parse_process_stat("77 (a"));
}

}  // namespace
}  // namespace allocs::runt::remote
