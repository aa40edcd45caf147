// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/command_line.h"

#include <gtest/gtest.h>

#include "toolchain/toolsub/response_file.h"

namespace allocs::toolsub {
namespace {

CommandLine cc(std::string_view words) { return {words_of_response_file(words), false}; }
CommandLine cxx(std::string_view words) { return {words_of_response_file(words), true}; }

// "a.c:c b.o:linked": the inputs and what they are taken for.
std::string inputs(const CommandLine& line) {
  std::string text;
  for (const Argument& argument : line.arguments()) {
    if (!argument.is_input) continue;
    const std::string_view name = name_of(argument.language);
    text += (text.empty() ? "" : " ") + argument.value + ":" +
            std::string(argument.language == Language::linked ? "linked"
                        : name.empty()                        ? "other"
                                                              : name);
  }
  return text;
}

std::string products(const CommandLine& line) {
  std::string text;
  for (const Product& product : line.products()) text += (text.empty() ? "" : " ") + product.path;
  return text;
}

TEST(CommandLine, LanguagesComeFromSuffixes) {
  EXPECT_EQ(inputs(cc("a.c b.cc c.C d.i e.ii f.s g.S h.o i.a j.so k.so.1.2 l m.f90 n.ll")),
            "a.c:c b.cc:c++ c.C:c++ d.i:cpp-output e.ii:c++-cpp-output f.s:assembler "
            "g.S:assembler-with-cpp h.o:linked i.a:linked j.so:linked k.so.1.2:linked l:linked "
            "m.f90:other n.ll:ir");
  EXPECT_EQ(inputs(cxx("a.c b.h c.i dir.c/d")),
            "a.c:c++ b.h:c++-header c.i:c++-cpp-output dir.c/d:linked");
}

TEST(CommandLine, XHoldsUntilTheNext) {
  EXPECT_EQ(inputs(cc("-x c++ a.c - -xassembler b -x none c.c")),
            "a.c:c++ -:c++ b:assembler c.c:c");
}

TEST(CommandLine, ValuesOfOptionsAreNoInputs) {
  EXPECT_EQ(
      inputs(cc("-I inc -D X -U Y -include z.h -isystem s -MF d.c -MT t.c -Xlinker l.c -Xclang c.c "
                "-T s.c -u f.c -L d -l m.c -z now.c -o o.c --param p.c=1 -mllvm v.c --sysroot r.c "
                "-idirafter i.c -dumpbase b.c -target t.c -e main.c in.c")),
      "in.c:c");
}

TEST(CommandLine, BehindTwoDashesAllAreInputs) {
  EXPECT_EQ(inputs(cc("-c -- -odd.c @odd.c")), "-odd.c:c @odd.c:c");
}

TEST(CommandLine, TheEarliestStopWins) {
  EXPECT_EQ(cc("a.c").work(), Work::link);
  EXPECT_EQ(cc("-shared a.o").work(), Work::link);
  EXPECT_EQ(cc("-c a.c").work(), Work::objects);
  EXPECT_EQ(cc("-S -c a.c").work(), Work::assembly_code);
  EXPECT_EQ(cc("-c -E a.c").work(), Work::preprocess);
  EXPECT_EQ(cc("-M a.c").work(), Work::dependencies);
  EXPECT_EQ(cc("-MM -c a.c").work(), Work::dependencies);
  EXPECT_EQ(cc("-MMD -c a.c").work(), Work::objects);
  EXPECT_EQ(cc("-fsyntax-only a.c").work(), Work::check);
  EXPECT_EQ(cc("a.h").work(), Work::precompile);
  EXPECT_EQ(cc("-x c++-header a").work(), Work::precompile);
}

TEST(CommandLine, WithoutInputsOrWithAQuestionNothingIsMade) {
  for (const char* words :
       {"", "-v", "--version", "-dumpmachine a.c", "-print-prog-name=ld", "-Wl,--version",
        "--help=target", "-c a.c -o", "a.c -I", "-cc1 -emit-obj a.c"})
    EXPECT_EQ(cc(words).work(), Work::none) << words;
  EXPECT_EQ(cc("-lm").work(), Work::link);
  EXPECT_TRUE(cc("-### a.c").only_shows_commands());
}

TEST(CommandLine, ProductsAreNamedAsTheDriverNamesThem) {
  EXPECT_EQ(products(cc("-c d/a.c b.b.cc c.s d.o")), "a.o b.b.o c.o");
  EXPECT_EQ(products(cc("-c a.c -o d/x.o")), "d/x.o");
  EXPECT_EQ(products(cc("-c a.c -od/y.o")), "d/y.o");
  EXPECT_EQ(products(cc("-S a.c b.s")), "a.s");
  EXPECT_EQ(products(cc("-S a.c -o -")), "");
  EXPECT_EQ(products(cc("a.c b.o")), "a.out");
  EXPECT_EQ(products(cc("-o one -o two a.c")), "two");
  EXPECT_EQ(products(cc("--output=three a.c")), "three");
  EXPECT_EQ(products(cc("-E a.c")), "");
}

TEST(CommandLine, DebugLevelsFollowTheLastWord) {
  struct Case {
    const char* words;
    int level;
  };
  for (const auto& [words, level] : {Case{"", 0},
                                     {"-g", 2},
                                     {"-g0", 0},
                                     {"-g1", 1},
                                     {"-g3", 3},
                                     {"-g3 -g", 3},
                                     {"-g -g0", 0},
                                     {"-g0 -g", 2},
                                     {"-gmlt", 1},
                                     {"-gline-tables-only", 1},
                                     {"-ggdb", 2},
                                     {"-ggdb3", 3},
                                     {"-ggdb0", 0},
                                     {"-gdwarf-4", 2},
                                     {"-gdwarf", 2},
                                     {"-gsplit-dwarf", 0},
                                     {"-gz", 0},
                                     {"-gno-column-info", 0},
                                     {"-g -gsplit-dwarf -gz=zlib", 2},
                                     {"-gstabs", -1},
                                     {"-ggdb -g1", 1},
                                     {"-glldb", 2},
                                     {"--debug", 2}})
    EXPECT_EQ(cc(words).debug_level(), level) << words;
}

TEST(CommandLine, LinkerWordsAreCollected) {
  EXPECT_EQ(cc("-Wl,-z,now -Xlinker --build-id=none a.o -Wl,-s").linker_words(),
            (std::vector<std::string>{"-z", "now", "--build-id=none", "-s"}));
}

TEST(CommandLine, WordsLookingLikeShortOptionsAreThemselves) {
  EXPECT_EQ(cc("-emit-llvm a.c").last_value("-e"), nullptr);
  EXPECT_EQ(cc("-static-libgcc -shared-libgcc a.c").has("-static"), false);
  EXPECT_EQ(inputs(cc("-rdynamic -s -export-dynamic a.c")), "a.c:c");
}

TEST(CommandLine, AddedWordsComeBehindOptionsAndBeforeTwoDashes) {
  const auto at_end = [](std::string_view words) {
    return with_words_at_end(words_of_response_file(words), {"-g"});
  };
  EXPECT_EQ(at_end("-c a.c"), (std::vector<std::string>{"-c", "a.c", "-g"}));
  EXPECT_EQ(at_end("-c -- a.c"), (std::vector<std::string>{"-c", "a.c", "-g"}));
  EXPECT_EQ(at_end("-c -- -a.c"), (std::vector<std::string>{"-c", "-g", "--", "-a.c"}));
}

}  // namespace
}  // namespace allocs::toolsub
