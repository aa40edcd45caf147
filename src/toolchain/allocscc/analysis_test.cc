// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/analysis.h"

#include <gtest/gtest.h>

#include "toolchain/toolsub/response_file.h"

namespace allocs::allocscc {
namespace {

using toolsub::CommandLine;

const toolsub::Argument& first_input(const CommandLine& line) {
  for (const toolsub::Argument& argument : line.arguments()) {
    if (argument.is_input) return argument;
  }
  throw "no input";
}

// The words that were chosen, without those that are always the same.
std::string analysed(std::string_view words, bool is_cxx = false) {
  const CommandLine line(toolsub::words_of_response_file(words), is_cxx);
  std::string text;
  for (const std::string& word : words_to_analyse(line, first_input(line))) {
    if (word == "-fsyntax-only" || word == "-w" || word == "-Qunused-arguments") continue;
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

bool is_analysed(std::string_view words) {
  const CommandLine line(toolsub::words_of_response_file(words), false);
  return can_be_analysed(first_input(line));
}

TEST(Analysis, KeepsWhatTheSourceMeans) {
  EXPECT_EQ(
      analysed("-c -O2 -std=gnu11 -I inc -DX=1 -isystem s -include p.h -funsigned-char -msse4.2 "
               "a.c -o a.o"),
      "-O2 -std=gnu11 -I inc -DX=1 -isystem s -include p.h -funsigned-char -msse4.2 -x c a.c");
  EXPECT_EQ(analysed("-c a.c", true), "-x c++ a.c");
  EXPECT_EQ(analysed("-c -Wp,-MMD,x.d,-DY a.i"), "-DY -x cpp-output a.i");
}

TEST(Analysis, LeavesOutWhatOnlyGccKnows) {
  EXPECT_EQ(analysed("-c -fno-tree-vectorize -Wall -Werror=foo -fconserve-stack -mrecord-mcount "
                     "--param x=1 -MMD -MF d "
                     "-pipe -flto a.c"),
            "-x c a.c");
}

TEST(Analysis, IsForSourcesWithTypesThatBecomeMachineCode) {
  EXPECT_TRUE(is_analysed("-c a.c"));
  EXPECT_TRUE(is_analysed("-c a.c -flto=auto"));
  EXPECT_FALSE(is_analysed("-c a.s"));
  EXPECT_FALSE(is_analysed("-x c - -c"));
}

// The sections for a command line, in one text.
std::string sections(std::string_view words) {
  const CommandLine line(toolsub::words_of_response_file(words), false);
  std::string text;
  for (const std::string& name : list_sections(line)) text += (text.empty() ? "" : " ") + name;
  return text;
}

TEST(Analysis, ReachesTheLinkTimeOptimiserAmongTheDebugInformation) {
  const std::string both = ".allocs.sites .gnu.debuglto_.allocs.sites";
  EXPECT_EQ(sections("-c a.c"), ".allocs.sites");
  EXPECT_EQ(sections("-c a.c -flto -fno-lto"), ".allocs.sites");
  EXPECT_EQ(sections("-c a.c -flto=auto"), ".gnu.debuglto_.allocs.sites");
  EXPECT_EQ(sections("-c a.c -flto -ffat-lto-objects"), both);
}

TEST(Analysis, OurOwnProgramIsAskedWhereItIsInstalled) {
  using Words = std::vector<std::string>;
  const auto with_plugin =
      command_to_analyse("/bin/true", {"-w", "a.c"}, {"P", "", "", "", ""}, "L");
  EXPECT_EQ(with_plugin.program, "/bin/true");
  EXPECT_EQ(with_plugin.words, (Words{"/bin/true", "-fplugin=P", "-Xclang", "-plugin-arg-allocs",
                                      "-Xclang", "list=L", "-w", "a.c"}));
  const auto own = command_to_analyse("/no/clang", {"-w", "a.c"}, {"P", "S", "", "", ""}, "L");
  EXPECT_EQ(own.program, "S");
  EXPECT_EQ(own.words, (Words{"S", "L", "/no/clang", "-w", "a.c"}));
}

}  // namespace
}  // namespace allocs::allocscc
