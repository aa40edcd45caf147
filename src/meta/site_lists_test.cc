// SPDX-License-Identifier: Apache-2.0
#include "meta/site_lists.h"

#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

struct Reading {
  std::vector<SiteList> lists;
  std::size_t warnings = 0;
};

Reading read(std::string_view section) {
  Diagnostics diag;
  Reading reading{read_site_lists(section, "object", diag), 0};
  reading.warnings = diag.messages().size();
  return reading;
}

constexpr std::string_view kOne =
    "allocs-sites\t1\ta.c\t/src\n"
    "site\tmake\ta.c\t12\t7\tmalloc\tsao\tnode\t40\ta.c\t3\t\t0\t\t0\t40\n"
    "end\t1\n";
constexpr std::string_view kOther =
    "allocs-sites\t1\tb.c\t/src\n"
    "site\tput\tb.c\t5\t3\txmalloc\t\t\t0\t\t0\t\t0\t\t0\t\n"
    "site\txmalloc\tb.c\t9\t10\tmalloc\twuo\t\t0\t\t0\t\t0\t\t0\t\n"
    "end\t2\n";

TEST(SiteLists, AreReadFieldByField) {
  const Reading reading = read(kOne);
  ASSERT_EQ(reading.lists.size(), 1u);
  EXPECT_EQ(reading.lists[0].unit, "a.c");
  EXPECT_EQ(reading.lists[0].directory, "/src");
  ASSERT_EQ(reading.lists[0].sites.size(), 1u);
  const ListedSite& site = reading.lists[0].sites[0];
  EXPECT_EQ(site.function, "make");
  EXPECT_EQ(site.line, 12u);
  EXPECT_EQ(site.column, 7u);
  EXPECT_EQ(site.callee, "malloc");
  EXPECT_EQ(site.kind, types::parse_site_kind("sao"));
  EXPECT_EQ(site.type, (ListedType{"node", 40, "a.c", 3}));
  EXPECT_EQ(site.bytes, 40u);
  EXPECT_EQ(reading.warnings, 0u);
}

TEST(SiteLists, HaveTheTypesOfABlockThatIsOneOfSeveral) {
  const Reading reading = read(
      "allocs-sites\t1\ta.c\t/src\n"
      "site\tf\ta.c\t1\t2\tmalloc\tsuu\ta\t8\ta.c\t3\t\t0\t\t0\t\tb%0916%09x "
      "y.h%094%09c%25%0932%09%090\n"
      "end\t1\n");
  ASSERT_EQ(reading.lists.size(), 1u);
  const ListedSite& site = reading.lists[0].sites[0];
  EXPECT_EQ(site.kind->shape, types::SiteShape::one_of);
  EXPECT_EQ(site.type, (ListedType{"a", 8, "a.c", 3}));
  EXPECT_EQ(site.others,
            (std::vector{ListedType{"b", 16, "x y.h", 4}, ListedType{"c%", 32, "", 0}}));
  EXPECT_EQ(read("allocs-sites\t1\ta.c\t/"
                 "\nsite\tf\ta.c\t1\t2\tmalloc\tsuu\ta\t8\ta.c\t3\t\t0\t\t0\t\tb%09many\nend\t1\n")
                .warnings,
            1u);
}

TEST(SiteLists, OfSeveralUnitsStandBehindEachOtherPerhapsWithZerosBetween) {
  const std::string section =
      std::string{kOne} + std::string(3, '\0') + std::string{kOther} + std::string(1, '\0');
  const Reading reading = read(section);
  ASSERT_EQ(reading.lists.size(), 2u);
  EXPECT_FALSE(reading.lists[1].sites[0].kind);
  EXPECT_TRUE(reading.lists[1].sites[1].is_wrapper());
  EXPECT_EQ(reading.warnings, 0u);
}

TEST(SiteLists, ThatWereCutAreLeftOutAndTheNextIsRead) {
  for (std::size_t size = kOne.find('\n') + 1; size + 1 < kOne.size(); ++size) {
    for (const std::string& between : {std::string{}, std::string(1, '\0'), std::string("\n")}) {
      const Reading reading =
          read(std::string{kOne.substr(0, size)} + between + std::string{kOther});
      for (const SiteList& list : reading.lists) EXPECT_NE(list.unit, "a.c") << size;
      if (kOne[size - 1] == '\n' || !between.empty()) {
        EXPECT_EQ(reading.lists.size(), 1u) << size;
      }
      EXPECT_EQ(reading.warnings, 1u) << size;
    }
  }
}

TEST(SiteLists, WithALineThatMeansNothingAreLeftOut) {
  for (const char* line : {"site\tf\ta.c\tx\t1\tmalloc\t", "site\tf\ta.c\t1\t-1\tmalloc\t",
                           "site\tf\ta.c\t1\t1\tmalloc\tzzz", "site",
                           "site\tf\ta.c\t1\t1\tmalloc\tsao\tt\t99999999999999999999999",
                           "site\tf\ta.c\t99999999999\t1\tmalloc\t"}) {
    const Reading reading = read("allocs-sites\t1\ta.c\t/src\n" + std::string{line} + "\nend\t1\n");
    EXPECT_TRUE(reading.lists.empty()) << line;
    EXPECT_EQ(reading.warnings, 1u) << line;
  }
}

TEST(SiteLists, OfOtherVersionsAndLinesOfOtherKindsAreSkipped) {
  EXPECT_TRUE(read("allocs-sites\t2\ta.c\t/src\nend\t0\n").lists.empty());
  EXPECT_EQ(read("allocs-sites\t1\ta.c\t/src\tmore\nnote\tx\nend\t0\tmore\n").lists.size(), 1u);
  EXPECT_TRUE(read("allocs-sites\t1\ta.c\t/src\nend\t1\n").lists.empty());
  EXPECT_TRUE(read("").lists.empty());
  EXPECT_TRUE(read("end\t0\n\n\nsite\n").lists.empty());
}

}  // namespace
}  // namespace allocs::meta
