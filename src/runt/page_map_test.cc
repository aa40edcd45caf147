// SPDX-License-Identifier: Apache-2.0
#include "runt/page_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace allocs::runt {
namespace {

constexpr std::size_t kPage = 4096;

// A letter a page: # if it is told as written.
std::string told(const char* memory, std::size_t pages) {
  PageMap map;
  map.open();
  std::string letters(pages, '.');
  map.for_each_written_run({address_of(memory), address_of(memory) + pages * kPage},
                           [&](AddressRange run) {
                             for (Address at = run.begin; at < run.end; at = at + kPage)
                               letters[(at - address_of(memory)) / kPage] = '#';
                             return true;
                           });
  return letters;
}

class PageMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (access("/proc/self/pagemap", R_OK) != 0)
      GTEST_SKIP() << "the kernel does not tell which pages are in use: no /proc/self/pagemap";
  }
};

TEST_F(PageMapTest, PrivateMemoryIsTellingOnlyWhereItWasWrittenTo) {
  auto* const memory = static_cast<char*>(
      mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, 8 * kPage, MADV_NOHUGEPAGE);
  memory[1 * kPage] = memory[2 * kPage + 5] = memory[6 * kPage] = 1;
  EXPECT_EQ(told(memory, 8), ".##...#.");
  mprotect(memory, 8 * kPage, PROT_READ);
  EXPECT_EQ(told(memory, 8), ".##...#.");
  munmap(memory, 8 * kPage);
}

TEST_F(PageMapTest, PagesOfAFileAreItsOwnUntilTheyAreWrittenTo) {
  const int file = memfd_create("page_map", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, 4 * kPage), 0);
  auto* const memory =
      static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
  ASSERT_NE(memory, MAP_FAILED);
  volatile char read = memory[0];
  (void)read;
  memory[3 * kPage] = 1;
  EXPECT_EQ(told(memory, 4), "...#");
  munmap(memory, 4 * kPage);
  close(file);
}

TEST_F(PageMapTest, LongRangesAreToldWhole) {
  constexpr std::size_t kPages = 2000;
  auto* const memory = static_cast<char*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, kPages * kPage, MADV_NOHUGEPAGE);
  std::string expected(kPages, '.');
  for (std::size_t page = 300; page < 1500; page += page % 7 == 0 ? 1 : 11) {
    memory[page * kPage] = 1;
    expected[page] = '#';
  }
  EXPECT_EQ(told(memory, kPages), expected);
  munmap(memory, kPages * kPage);
}

}  // namespace
}  // namespace allocs::runt
