// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/dependencies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "toolchain/memo/fresh_directory_test.h"

namespace allocs::memo {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kAnyTime = std::numeric_limits<std::uint64_t>::max();

class Dependencies : public FreshDirectory {
 protected:
  static std::optional<Hash128> state(DependencyKind kind, const std::string& name) {
    const Dependency one[] = {{kind, name}};
    return state_of(one);
  }
  static std::optional<Hash128> file(const std::string& path) {
    return state(DependencyKind::file, path);
  }
  static FileSight sight_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {.exists = true,
            .is_directory = S_ISDIR(status.st_mode),
            .device = status.st_dev,
            .inode = status.st_ino,
            .size = static_cast<std::uint64_t>(status.st_size),
            .mtime_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u +
                        static_cast<std::uint64_t>(status.st_mtim.tv_nsec)};
  }
  static void set_times(const std::string& path, timespec time) {
    const timespec both[] = {time, time};
    ::utimensat(AT_FDCWD, path.c_str(), both, 0);
  }
};

TEST_F(Dependencies, AFileIsWhatItWas) {
  const std::string a = write("a", "1");
  const auto before = file(a);
  ASSERT_TRUE(before);
  EXPECT_EQ(file(a), before);
  EXPECT_NE(file(write("b", "1")), before);
}

TEST_F(Dependencies, AFileOfAnotherSizeOrTimeIsAnother) {
  const std::string a = write("a", "1");
  set_times(a, {1000, 5});
  const auto before = file(a);
  write("a", "12");
  set_times(a, {1000, 5});
  EXPECT_NE(file(a), before);
  write("a", "1");
  set_times(a, {1000, 6});
  EXPECT_NE(file(a), before);
}

TEST_F(Dependencies, AFileThatGotItsOldTimeBackIsAnother) {
  const auto changed_at = [](const std::string& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return std::pair(status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
  };
  const std::string a = write("a", "1");
  set_times(a, {1000, 5});
  const auto before = file(a);
  const auto then = changed_at(a);
  do {  // until the clock of the file system has moved on
    write("a", "2");
    set_times(a, {1000, 5});
  } while (changed_at(a) == then);
  EXPECT_NE(file(a), before);
}

TEST_F(Dependencies, AFileThatWasMissingAndIsThereIsAnother) {
  const auto missing = file(path("a"));
  ASSERT_TRUE(missing);
  EXPECT_EQ(file(path("a")), missing);
  EXPECT_EQ(file(path("no/such/directory/a")), missing);
  write("a", "");
  EXPECT_NE(file(path("a")), missing);
  EXPECT_EQ(file(path("a/below")), missing);
}

TEST_F(Dependencies, AFilePutInTheOthersPlaceIsAnother) {
  const std::string a = write("a", "1");
  const std::string b = write("b", "1");
  set_times(a, {1000, 5});
  set_times(b, {1000, 5});
  const auto before = file(a);
  fs::rename(b, a);
  EXPECT_NE(file(a), before);
}

TEST_F(Dependencies, ALinkIsWhatItLeadsTo) {
  write("a", "1");
  write("b", "1");
  fs::create_symlink("a", path("link"));
  EXPECT_EQ(file(path("link")), file(path("a")));
  const auto before = file(path("link"));
  fs::remove(path("link"));
  fs::create_symlink("b", path("link"));
  EXPECT_NE(file(path("link")), before);
}

TEST_F(Dependencies, OfADirectoryTheNamesInItCountWhereTheyWereListed) {
  fs::create_directory(path("d"));
  set_times(path("d"), {1000, 0});
  const auto directory = file(path("d"));
  const auto listing = state(DependencyKind::listing, path("d"));
  write("d/new", "");
  EXPECT_EQ(file(path("d")), directory);
  EXPECT_NE(state(DependencyKind::listing, path("d")), listing);
}

TEST_F(Dependencies, ARealPathIsWhereTheLinksLead) {
  fs::create_directories(path("one/x"));
  fs::create_directories(path("two/x"));
  fs::create_symlink("one", path("link"));
  const auto before = state(DependencyKind::real_path, path("link/x"));
  fs::remove(path("link"));
  EXPECT_NE(state(DependencyKind::real_path, path("link/x")), before);
  fs::create_symlink("two", path("link"));
  EXPECT_NE(state(DependencyKind::real_path, path("link/x")), before);
}

TEST_F(Dependencies, AVariableIsItsValueOrNone) {
  ::unsetenv("ALLOCS_TEST");
  const auto none = state(DependencyKind::variable, "ALLOCS_TEST");
  ::setenv("ALLOCS_TEST", "", 1);
  const auto empty = state(DependencyKind::variable, "ALLOCS_TEST");
  ::setenv("ALLOCS_TEST", "x", 1);
  const auto some = state(DependencyKind::variable, "ALLOCS_TEST");
  EXPECT_NE(none, empty);
  EXPECT_NE(empty, some);
  EXPECT_NE(none, some);
  ::unsetenv("ALLOCS_TEST");
  EXPECT_EQ(state(DependencyKind::variable, "ALLOCS_TEST"), none);
}

TEST_F(Dependencies, WhatCannotBeLookedAtHasNoState) {
  fs::create_symlink("loop", path("loop"));
  EXPECT_FALSE(file(path("loop")));
  EXPECT_FALSE(state(DependencyKind::real_path, path("loop")));
}

TEST_F(Dependencies, ARecordConcludesWithWhatItHasSeen) {
  const std::string a = write("a", "1");
  DependencyRecord record;
  record.saw_file(a, sight_of(a));
  record.saw_file(a, sight_of(a));
  record.saw_file(path("missing"), {});
  record.saw_file(root_.string(), sight_of(root_.string()));
  write("changes the directory", "");
  record.saw_file(root_.string(), sight_of(root_.string()));
  record.listed("/usr/include");
  record.resolved("/usr");
  record.asked_for("ALLOCS_TEST");
  const auto conclusion = record.conclude(kAnyTime);
  ASSERT_TRUE(conclusion);
  EXPECT_EQ(conclusion->dependencies,
            (std::vector<Dependency>{{DependencyKind::file, root_.string()},
                                     {DependencyKind::file, a},
                                     {DependencyKind::file, path("missing")},
                                     {DependencyKind::listing, "/usr/include"},
                                     {DependencyKind::real_path, "/usr"},
                                     {DependencyKind::variable, "ALLOCS_TEST"}}));
  EXPECT_EQ(state_of(conclusion->dependencies), conclusion->state);
}

TEST_F(Dependencies, NothingIsConcludedFromAFileThatIsTooNew) {
  const std::string a = write("a", "1");
  DependencyRecord record;
  record.saw_file(a, sight_of(a));
  struct stat status {};
  ASSERT_EQ(::stat(a.c_str(), &status), 0);
  const std::uint64_t changed = static_cast<std::uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000u +
                                static_cast<std::uint64_t>(status.st_ctim.tv_nsec);
  EXPECT_FALSE(record.conclude(changed));
  EXPECT_TRUE(record.conclude(changed + 1));

  // Modified long ago, as the program says that unpacked it, and changed just now.
  set_times(a, {1000, 0});
  DependencyRecord second;
  second.saw_file(a, sight_of(a));
  EXPECT_FALSE(second.conclude(changed));
}

TEST_F(Dependencies, NothingIsConcludedFromAListingThatIsTooNew) {
  fs::create_directory(path("d"));
  DependencyRecord as_file;
  as_file.saw_file(path("d"), sight_of(path("d")));
  EXPECT_TRUE(as_file.conclude(1));
  DependencyRecord record;
  record.listed(path("d"));
  EXPECT_FALSE(record.conclude(1));
  EXPECT_TRUE(record.conclude(kAnyTime));
}

TEST_F(Dependencies, NothingIsConcludedFromWhatChangesOnTheWay) {
  const std::string a = write("a", "1");
  DependencyRecord record;
  record.saw_file(a, sight_of(a));
  write("a", "12");
  EXPECT_FALSE(record.conclude(kAnyTime));

  DependencyRecord twice;
  twice.saw_file(path("b"), {});
  write("b", "1");
  EXPECT_FALSE(twice.conclude(kAnyTime));
  twice.saw_file(path("b"), sight_of(path("b")));
  fs::remove(path("b"));
  EXPECT_FALSE(twice.conclude(kAnyTime));

  DependencyRecord gone;
  gone.saw_file(a, sight_of(a));
  fs::remove(a);
  EXPECT_FALSE(gone.conclude(kAnyTime));
}

TEST_F(Dependencies, NothingIsConcludedFromDevicesAndPipes) {
  ::mkfifo(path("pipe").c_str(), 0600);
  for (const std::string& name : {path("pipe"), std::string("/dev/null")}) {
    DependencyRecord record;
    record.saw_file(name, sight_of(name));
    EXPECT_FALSE(record.conclude(kAnyTime)) << name;
  }
}

TEST_F(Dependencies, NothingIsConcludedAfterGivingUp) {
  DependencyRecord record;
  EXPECT_TRUE(record.conclude(kAnyTime));
  record.give_up();
  EXPECT_FALSE(record.conclude(kAnyTime));
}

}  // namespace
}  // namespace allocs::memo
