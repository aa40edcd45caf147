// SPDX-License-Identifier: Apache-2.0
#include "runt/perf_map.h"

#include <gtest/gtest.h>

#include <string>

namespace allocs::runt {
namespace {

std::string name_at(std::uint64_t pc, std::string_view text, std::size_t piece = 3) {
  PerfMapSearch search(Address{pc});
  for (std::size_t at = 0; at < text.size(); at += piece)
    search.feed({text.data() + at, std::min(piece, text.size() - at)});
  return std::string(search.name());
}

TEST(PerfMapSearch, FindsTheLineThatCoversThePc) {
  constexpr std::string_view kText =
      "1000 40 add_two\n"
      "0x1040 0x1c LazyCompile:~main app.js:1\n";
  EXPECT_EQ(name_at(0x0fff, kText), "");
  EXPECT_EQ(name_at(0x1000, kText), "add_two");
  EXPECT_EQ(name_at(0x103f, kText), "add_two");
  EXPECT_EQ(name_at(0x1040, kText), "LazyCompile:~main app.js:1");
  EXPECT_EQ(name_at(0x105c, kText), "");
}

TEST(PerfMapSearch, ALaterLineTellsWhatIsThereNow) {
  EXPECT_EQ(name_at(0x1010, "1000 40 old\n1000 40 new\n"), "new");
  EXPECT_EQ(name_at(0x1010, "1000 40 old\n1020 40 next\n"), "");
  EXPECT_EQ(name_at(0x1030, "1000 40 old\n1020 40 next\n"), "next");
}

TEST(PerfMapSearch, ALineThatIsBeingWrittenIsNotTaken) {
  EXPECT_EQ(name_at(0x1010, "1000 40 half_a_na"), "");
  EXPECT_EQ(name_at(0x1010, "1000 40 whole\n1000 4"), "whole");
}

TEST(PerfMapSearch, NonsenseIsPassedOver) {
  EXPECT_EQ(name_at(0x1010, "\n\n \nzz 40 a\n1000\n1000 40\n1000 zz b\n1000 40 good\n"), "good");
  EXPECT_EQ(name_at(0x1010, "1000 ffffffffffffffff wraps\n"), "");
  EXPECT_EQ(name_at(0x1010, "00000000000001000 40 too_many_digits\n"), "");
}

TEST(PerfMapSearch, ALongNameIsCut) {
  const std::string name(5000, 'x');
  EXPECT_EQ(name_at(0x1010, "1000 40 " + name + "\n1040 1 other\n", 700),
            name.substr(0, PerfMapSearch::kLongestName));
}

}  // namespace
}  // namespace allocs::runt
