// SPDX-License-Identifier: Apache-2.0
#include "types/site_list.h"

#include <gtest/gtest.h>

namespace allocs::types {
namespace {

std::string escaped(std::string_view text) {
  std::string line;
  append_site_list_field(line, text);
  return line;
}

TEST(SiteListField, EscapesWhatWouldEndIt) {
  EXPECT_EQ(escaped("a b/ä.c"), "a b/ä.c");
  EXPECT_EQ(escaped("a\tb\nc%d"), "a%09b%0Ac%25d");
  EXPECT_EQ(escaped(std::string_view{"\0", 1}), "%00");
}

TEST(SiteListField, IsReadBackAsItWas) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(unescape_site_list_field(escaped(all)), all);
}

TEST(SiteListField, WithAStrayPercentSignStandsForItself) {
  EXPECT_EQ(unescape_site_list_field("100%"), "100%");
  EXPECT_EQ(unescape_site_list_field("%4"), "%4");
  EXPECT_EQ(unescape_site_list_field("%zz%41"), "%zzA");
}

TEST(SiteListLine, IsSplitAtTabs) {
  const auto fields = split_site_list_line<4>("site\tmain\t\ta.c");
  EXPECT_EQ(fields[0], "site");
  EXPECT_EQ(fields[1], "main");
  EXPECT_EQ(fields[2], "");
  EXPECT_EQ(fields[3], "a.c");
}

TEST(SiteListLine, MayHaveFewerOrMoreFields) {
  EXPECT_EQ(split_site_list_line<3>("end\t4")[2], "");
  EXPECT_EQ(split_site_list_line<2>("end\t4\t5")[1], "4");
}

}  // namespace
}  // namespace allocs::types
