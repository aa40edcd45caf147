// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/response_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace allocs::toolsub {
namespace {

using Words = std::vector<std::string>;

TEST(ResponseFile, WordsAreDividedByWhiteSpace) {
  EXPECT_EQ(words_of_response_file(" -c\ta.c\r\n  -o a.o\n"), (Words{"-c", "a.c", "-o", "a.o"}));
}

TEST(ResponseFile, QuotesAndBackslashesKeepBlanks) {
  EXPECT_EQ(words_of_response_file(R"("a b.c" 'c "d".c' e\ f.c -DS=\"x\" '' "g\"h")"),
            (Words{"a b.c", "c \"d\".c", "e f.c", "-DS=\"x\"", "", "g\"h"}));
}

TEST(ResponseFile, TextGivesTheSameWordsBack) {
  const Words words{"a b", "", "\\", "\"", "'", "\xc3\xa9\n", "-DX='\"'"};
  EXPECT_EQ(words_of_response_file(response_file_text(words)), words);
}

TEST(ResponseFile, NestedFilesAreExpandedAndMissingOnesStay) {
  const auto folder = std::filesystem::temp_directory_path();
  const std::string outer = (folder / "toolsub_outer.rsp").string();
  const std::string inner = (folder / "toolsub_inner.rsp").string();
  std::ofstream(outer) << "-O2 @" << inner << " b.c";
  std::ofstream(inner) << "a.c @/no/such/file";
  EXPECT_EQ(expand_response_files({"-c", "@" + outer}),
            (Words{"-c", "-O2", "a.c", "@/no/such/file", "b.c"}));
  std::ofstream(inner) << "@" << outer;  // a circle
  EXPECT_FALSE(expand_response_files({"@" + outer}).empty());
  std::filesystem::remove(outer);
  std::filesystem::remove(inner);
}

}  // namespace
}  // namespace allocs::toolsub
