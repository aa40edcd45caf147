// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/phases.h"

#include <gtest/gtest.h>

#include "toolchain/toolsub/response_file.h"

namespace allocs::toolsub {
namespace {

CommandLine cc(std::string_view words) { return {words_of_response_file(words), false}; }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::size_t index_of(const CommandLine& line, std::string_view input) {
  for (std::size_t i = 0; i < line.arguments().size(); ++i) {
    if (line.arguments()[i].is_input && line.arguments()[i].value == input) return i;
  }
  return ~std::size_t{0};
}

TEST(Phases, CompilingLeavesOutOtherInputsAndWhatIsForTheLinker) {
  const CommandLine line = cc("-O2 a.c b.o -lm -Wl,-z,now -o p -DX c.c -Xlinker -s");
  EXPECT_EQ(joined(words_to_compile(line, index_of(line, "c.c"), "t.o")), "-O2 -DX c.c -c -o t.o");
}

TEST(Phases, LinkingPutsObjectsWhereTheSourcesWere) {
  const CommandLine line = cc("-O2 a.c b.o -lm -o p c.c");
  EXPECT_EQ(
      joined(words_to_link(line, {{index_of(line, "a.c"), "1.o"}, {index_of(line, "c.c"), "2.o"}})),
      "-O2 1.o b.o -lm -o p 2.o");
}

TEST(Phases, XDoesNotReachTheObjects) {
  const CommandLine line = cc("-x c a -x none b.o -x assembler c d.c -lm");
  EXPECT_EQ(joined(words_to_compile(line, index_of(line, "a"), "t.o")),
            "-x c a -x none -x assembler -c -o t.o");
  EXPECT_EQ(joined(words_to_link(line, {{index_of(line, "a"), "1.o"}})),
            "1.o -x none b.o -x assembler c d.c -lm");
  const CommandLine all = cc("-x c a b");
  EXPECT_EQ(joined(words_to_link(all, {{index_of(all, "a"), "1.o"}, {index_of(all, "b"), "2.o"}})),
            "1.o 2.o");
}

TEST(Phases, AnInputThatLooksLikeAnOptionStaysAnInput) {
  const CommandLine line = cc("-- -a.c b.o");
  EXPECT_EQ(joined(words_to_compile(line, index_of(line, "-a.c"), "t.o")), "./-a.c -c -o t.o");
  EXPECT_EQ(joined(words_to_link(line, {{index_of(line, "-a.c"), "1.o"}})), "1.o b.o");
}

TEST(Phases, WhatNamesFilesAfterTheOutputIsNotSplit) {
  EXPECT_TRUE(can_be_split(cc("a.c -O2 -lm")));
  for (const char* word :
       {"-MD", "-MMD", "-MF x", "-save-temps", "--coverage", "-gsplit-dwarf", "-fdump-tree-all"})
    EXPECT_FALSE(can_be_split(cc(std::string("a.c ") + word))) << word;
  EXPECT_FALSE(can_be_split(cc("-c a.c")));
}

}  // namespace
}  // namespace allocs::toolsub
