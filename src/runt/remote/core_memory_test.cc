// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/core_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "runt/remote/child_expectations_test.h"

namespace allocs::runt::remote {
namespace {

using testing::Child;
using testing::expect_the_child;
using testing::expect_the_childs_stacks;

void expect_core_of(const std::filesystem::path& path, const Child& child, int pid) {
  const auto [core, objects] =
      testing::see<CoreMemory>("open", [&] { return CoreMemory::open(path.string()); });
  ASSERT_TRUE(*core) << core->failure().text;
  EXPECT_EQ((*core)->pid(), pid);
  EXPECT_FALSE((*core)->is_truncated());
  EXPECT_FALSE((*core)->command_line().empty());
  expect_the_child(**core, *objects, child.report());
  expect_the_childs_stacks(**core, *objects, (*core)->threads(), child.report());
  for (const CoreFile& file : (*core)->files()) {
    EXPECT_NE(file.state, CoreFile::State::different) << file.path;
    EXPECT_NE(file.state, CoreFile::State::missing) << file.path;
  }
}

TEST(CoreMemory, TheKernelsCoreAnswersLikeTheLiveProcess) {
  Child child;
  const int pid = child.pid();
  const auto path = child.abort_with_core();
  if (path.empty()) GTEST_SKIP() << "this machine makes no core file in the current folder";
  expect_core_of(path, child, pid);
  const auto core = CoreMemory::open(path.string());
  EXPECT_EQ(core->signal(), SIGABRT);
  EXPECT_EQ(core->threads().front().id, pid) << "the thread that got the signal comes first";
}

TEST(CoreMemory, GcoresCoreDoesToo) {
  Child child;
  const auto path = child.gcore();
  if (path.empty()) GTEST_SKIP() << "gcore is missing or may not trace";
  expect_core_of(path, child, child.pid());
}

// (thread, pc, stack pointer) of every frame of every thread.
using AllFrames = std::set<std::tuple<int, std::uint64_t, std::uint64_t>>;

AllFrames frames_by_gdb(const std::filesystem::path& core, const std::filesystem::path& folder) {
  const std::filesystem::path script = folder / "frames.py", output = folder / "frames.txt";
  std::ofstream{script} << R"(
import gdb
with open(")" << output.string()
                        << R"(", "w") as out:
  for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
      if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
        mask = 2**64 - 1
        out.write("%d %d %d\n" % (thread.ptid[1], frame.pc(), int(frame.read_register("rsp")) & mask))
      frame = frame.older()
)";
  const std::string command =
      "gdb -q -nx -batch -iex 'set auto-load off' -iex 'set backtrace past-main on' " +
      std::filesystem::read_symlink("/proc/self/exe").string() + " " + core.string() + " -x " +
      script.string() + " >/dev/null 2>&1";
  AllFrames frames;
  if (system(command.c_str()) != 0) return frames;
  std::ifstream lines{output};
  int id;
  std::uint64_t pc, sp;
  while (lines >> id >> pc >> sp) frames.insert({id, pc, sp});
  return frames;
}

TEST(CoreMemory, GdbFindsTheSameFrames) {
  Child child;
  const auto path = child.abort_with_core();
  if (path.empty()) GTEST_SKIP() << "this machine makes no core file in the current folder";
  const AllFrames expected = frames_by_gdb(path, child.folder());
  if (expected.empty()) GTEST_SKIP() << "gdb is missing";
  const auto core = CoreMemory::open(path.string());
  const ObjectTable objects = read_objects(*core, core->auxiliary_vector());
  const MemoryRules rules{*core, objects};
  AllFrames found;
  for (const ThreadState& thread : core->threads()) {
    UnwindCursor cursor{.registers = thread.registers};
    while (const auto frame = step(*core, rules, cursor))
      found.insert({thread.id, raw(frame->pc), raw(frame->sp)});
  }
  for (const auto& [id, pc, sp] : expected) {
    EXPECT_TRUE(found.contains({id, pc, sp}))
        << "thread " << id << std::hex << " pc " << pc << " sp " << sp;
  }
  EXPECT_EQ(found.size(), expected.size());
  printf("  %zu frames are gdb's\n", found.size());
}

TEST(CoreMemory, TextThatIsNotInTheCoreComesFromItsFileOnly) {
  Child child;
  const auto path = child.abort_with_core();
  if (path.empty()) GTEST_SKIP() << "this machine makes no core file in the current folder";
  const Address text = address_of(reinterpret_cast<const void*>(&expect_core_of));
  const auto core = CoreMemory::open(path.string());
  ASSERT_TRUE(core);
  const std::byte* bytes = core->view(text, 64);
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(std::memcmp(bytes, reinterpret_cast<const void*>(raw(text)), 64), 0);
  const auto elsewhere = CoreMemory::open(path.string(), {.sysroot = "/nonexistent"});
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->view(text, 64), nullptr);
  testing::expect_the_secret(*elsewhere, child.report());
}

TEST(CoreMemory, AFileOfAnotherBuildIsRefused) {
  Child child;
  const auto path = child.abort_with_core();
  if (path.empty()) GTEST_SKIP() << "this machine makes no core file in the current folder";
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::filesystem::path root = child.folder() / "root";
  std::filesystem::create_directories((root / self.relative_path()).parent_path());
  std::filesystem::copy_file("/bin/true", root / self.relative_path());
  const auto core = CoreMemory::open(path.string(), {.sysroot = root.string()});
  ASSERT_TRUE(core);
  EXPECT_EQ(core->view(address_of(reinterpret_cast<const void*>(&expect_core_of)), 64), nullptr);
  bool refused = false;
  for (const CoreFile& file : core->files())
    refused |= file.path == self && file.state == CoreFile::State::different;
  EXPECT_TRUE(refused);
}

TEST(CoreMemory, ACoreCutShortAnywhereIsReadAsFarAsItGoes) {
  Child child;
  const auto path = child.abort_with_core();
  if (path.empty()) GTEST_SKIP() << "this machine makes no core file in the current folder";
  auto size = std::filesystem::file_size(path);
  std::mt19937_64 random{7};
  int opened = 0;
  for (int i = 0; i < 60; ++i) {
    size = size * (70 + random() % 30) / 100;
    std::filesystem::resize_file(path, size);
    const auto core = CoreMemory::open(path.string());
    if (!core) {
      EXPECT_EQ(core.failure().kind, Failure::Kind::not_a_core);
      continue;
    }
    ++opened;
    EXPECT_TRUE(core->is_truncated());
    const ObjectTable objects = read_objects(*core, core->auxiliary_vector());
    const MemoryRules rules{*core, objects};
    for (const ThreadState& thread : core->threads()) {
      UnwindCursor cursor{.registers = thread.registers};
      while (step(*core, rules, cursor)) {
      }
      EXPECT_NE(cursor.end, Certainty::known);
    }
  }
  EXPECT_GT(opened, 3);
}

TEST(CoreMemory, OtherFilesAreRefusedWithTheirPath) {
  const auto program = CoreMemory::open("/bin/true");
  ASSERT_FALSE(program);
  EXPECT_EQ(program.failure().kind, Failure::Kind::not_a_core);
  EXPECT_TRUE(program.failure().text.starts_with("/bin/true: "));
  const auto nothing = CoreMemory::open("/nonexistent/core");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.failure().kind, Failure::Kind::no_such_file);
}

}  // namespace
}  // namespace allocs::runt::remote
