// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "toolchain/memo/fresh_directory_test.h"

namespace allocs::memo {
namespace {

namespace fs = std::filesystem;

constexpr Hash128 kKey{0x23456789abcdef01, 0xfedcba9876543210};
constexpr char kFile[] = "cache/f/edcba987654321023456789abcdef01";

// Where a key leads whose first two digits are these.
Hash128 key_with(std::uint64_t first, std::uint64_t second, std::uint64_t rest) {
  return {rest, first << 60 | second << 56};
}

class StoreTest : public FreshDirectory {
 protected:
  Store store(std::uint64_t limit = Store::Limits{}.all) const {
    return Store(path("cache"), {.all = limit});
  }
  std::optional<std::string> found(const Hash128& key) const {
    const auto content = store().find(key);
    return content ? std::optional(std::string(content->bytes())) : std::nullopt;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return status.st_mode & 0777u;
  }
  std::size_t number_of_files(const std::string& name) const {
    const auto all = fs::directory_iterator(path(name));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

TEST_F(StoreTest, FindsWhatIsKept) {
  EXPECT_FALSE(store().find(kKey));
  store().keep(kKey, "content");
  EXPECT_EQ(found(kKey), "content");
  EXPECT_FALSE(store().find({kKey.low + 1, kKey.high}));
  store().keep(kKey, "other");
  EXPECT_EQ(found(kKey), "other");
  store().keep(kKey, "");
  EXPECT_EQ(found(kKey), "");
}

TEST_F(StoreTest, KeepsWholeFilesOfItsUserAlone) {
  const mode_t before = ::umask(0);
  store().keep(kKey, "content");
  ::umask(before);
  EXPECT_EQ(mode_of(path("cache")), 0700u);
  EXPECT_EQ(mode_of(path("cache/f")), 0700u);
  EXPECT_EQ(mode_of(path(kFile)), 0600u);
  EXPECT_EQ(number_of_files("cache/f"), 1u);
}

TEST_F(StoreTest, BelievesNothingThatOthersCouldHaveWritten) {
  store().keep(kKey, "content");
  for (const std::string& name : {path("cache"), path("cache/f"), path(kFile)}) {
    const mode_t mode = mode_of(name);
    ::chmod(name.c_str(), mode | 0020);
    EXPECT_FALSE(store().find(kKey)) << name;
    ::chmod(name.c_str(), mode | 0002);
    EXPECT_FALSE(store().find(kKey)) << name;
    ::chmod(name.c_str(), mode);
    EXPECT_TRUE(store().find(kKey)) << name;
  }
  fs::rename(path(kFile), path("elsewhere"));
  fs::create_symlink(path("elsewhere"), path(kFile));
  EXPECT_FALSE(store().find(kKey));
}

TEST_F(StoreTest, BelievesNothingOfOtherUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  store().keep(kKey, "content");
  for (const std::string& name : {path("cache"), path("cache/f"), path(kFile)}) {
    ASSERT_EQ(::chown(name.c_str(), 12345, 12345), 0);
    EXPECT_FALSE(store().find(kKey)) << name;
    ASSERT_EQ(::chown(name.c_str(), 0, 0), 0);
    EXPECT_TRUE(store().find(kKey)) << name;
  }
  fs::create_directory(path("home"));
  ASSERT_EQ(::chown(path("home").c_str(), 12345, 12345), 0);
  Store(path("home/cache")).keep(kKey, "content");
  EXPECT_FALSE(fs::exists(path("home/cache")));
}

TEST_F(StoreTest, WithoutAPlaceKeepsNothing) {
  for (const char* place : {"", "relative/path", "/proc/no/such/place", "/dev/null"}) {
    Store(place).keep(kKey, "content");
    EXPECT_FALSE(Store(place).find(kKey)) << place;
  }
  EXPECT_FALSE(fs::exists("relative"));
}

TEST_F(StoreTest, WhatIsNoFileIsNotFound) {
  store().keep(kKey, "content");
  fs::remove(path(kFile));
  fs::create_directory(path(kFile));
  EXPECT_FALSE(store().find(kKey));
  store().keep(kKey, "content");
  EXPECT_FALSE(store().find(kKey));
  EXPECT_EQ(number_of_files("cache/f"), 1u);
  fs::remove(path(kFile));
  ::mkfifo(path(kFile).c_str(), 0600);
  EXPECT_FALSE(store().find(kKey));
}

TEST_F(StoreTest, LetsTheOldestGo) {
  // A sixteenth is 64 KiB: sixteen files of a page.
  const Store small = store(std::uint64_t{1} << 20);
  const std::string page(4096, 'x');
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Hash128 key = key_with(3, 1, i);
    small.keep(key, page);
    char name[64];
    std::snprintf(name, sizeof(name), "cache/3/1%014x%016llx", 0,
                  static_cast<unsigned long long>(i));
    const timespec used[] = {{1000 + static_cast<long>(i), 0}, {1000 + static_cast<long>(i), 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), used, 0), 0) << name;
  }
  EXPECT_EQ(number_of_files("cache/3"), 20u);  // nobody has gone through them
  small.keep(key_with(4, 0, 0), page);
  EXPECT_EQ(number_of_files("cache/3"), 20u);

  ASSERT_TRUE(small.find(key_with(3, 1, 2)));  // so it is young
  small.keep(key_with(3, 0, 0), page);
  EXPECT_EQ(number_of_files("cache/3"), 12u);
  EXPECT_TRUE(small.find(key_with(3, 0, 0)));
  EXPECT_TRUE(small.find(key_with(3, 1, 2)));
  EXPECT_TRUE(small.find(key_with(3, 1, 19)));
  EXPECT_FALSE(small.find(key_with(3, 1, 3)));
}

TEST_F(StoreTest, DoesNotKeepWhatIsVeryLarge) {
  store().keep(kKey, std::string((std::size_t{1} << 20) + 1, 'x'));
  EXPECT_FALSE(store().find(kKey));
}

}  // namespace
}  // namespace allocs::memo
