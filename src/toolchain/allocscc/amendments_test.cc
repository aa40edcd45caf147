// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/amendments.h"

#include <gtest/gtest.h>

#include "toolchain/toolsub/response_file.h"

namespace allocs::allocscc {
namespace {

using toolsub::CommandLine;

CommandLine cc(std::string_view words) { return {toolsub::words_of_response_file(words), false}; }

const Installation kInstalled{"/p/plugin.so", "", "/p/link.a", "/p/marker.o", "/p/allocs", "/p"};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string compiling(std::string_view words, bool is_clang) {
  Compiler compiler;
  compiler.is_clang = compiler.takes_plugin = is_clang;
  return joined(words_for_compiling(cc(words), compiler, kInstalled));
}

std::string linking(std::string_view words) {
  return joined(words_for_linking(amendment_of_link(cc(words), Compiler{}), kInstalled));
}

bool embeds(std::string_view words) { return amendment_of_link(cc(words), Compiler{}).embed; }

constexpr const char* kPlugin = "-fplugin=/p/plugin.so -fpass-plugin=/p/plugin.so";

TEST(Compiling, TypesAreDescribedAndThePluginRuns) {
  EXPECT_EQ(compiling("-c a.c", true), std::string("-g ") + kPlugin);
  EXPECT_EQ(compiling("-c -g3 a.c", true), kPlugin);
  EXPECT_EQ(compiling("-c -g -g1 a.c", true), std::string("-g ") + kPlugin);
  EXPECT_EQ(compiling("-c a.c", false), "-g -fno-optimize-sibling-calls -fno-ipa-icf");
  EXPECT_EQ(compiling("-c -ggdb a.c", false), "-fno-optimize-sibling-calls -fno-ipa-icf");
}

TEST(Compiling, ThePluginStaysAwayFromHeadersAndProfiles) {
  EXPECT_EQ(compiling("-x c-header a.h", true), "-g");
  EXPECT_EQ(compiling("-g -c a.c -fprofile-sample-use=p", true), "");
  EXPECT_EQ(compiling("-g -c a.c -fpseudo-probe-for-profiling", true), "");
}

TEST(Compiling, InAPackageBuildClangWritesWhatDwzReads) {
  const auto packaging = [](std::string_view words, bool is_clang) {
    Compiler compiler;
    compiler.is_clang = is_clang;
    return joined(words_for_package(cc(words), compiler));
  };
  EXPECT_EQ(packaging("-g -O2 -c a.c", true), "-gdwarf-4");
  EXPECT_EQ(packaging("-c a.c", true), "-gdwarf-4");
  EXPECT_EQ(packaging("-g -gsplit-dwarf -c a.c", true), "-gdwarf-4");
  EXPECT_EQ(packaging("-g -c a.c", false), "");
  EXPECT_EQ(packaging("-gdwarf-5 -c a.c", true), "");
  EXPECT_EQ(packaging("-gdwarf -c a.c", true), "-gdwarf-4");
  EXPECT_EQ(packaging("-gdwarf-aranges -c a.c", true), "-gdwarf-4");
  EXPECT_EQ(packaging("-g0 -c a.c", true), "-gdwarf-4");  // types are described all the same
  EXPECT_EQ(packaging("a.o -o p", true), "");
}

TEST(Compiling, NothingIsAddedWhereNothingIsCompiled) {
  EXPECT_EQ(compiling("-c a.s", true), "");
  EXPECT_EQ(compiling("a.o -o p", true), "");
}

TEST(Compiling, PiecesNeedAPluginOfTheCompilersVersion) {
  Compiler gcc;
  EXPECT_FALSE(words_for_records(cc("-c a.c"), gcc, kInstalled, "12"));
  EXPECT_EQ(joined(*words_for_records(cc("-c a.s"), gcc, kInstalled, "12")), "");
  Compiler clang;
  clang.is_clang = clang.takes_plugin = true;
  EXPECT_EQ(joined(*words_for_records(cc("-c a.c"), clang, kInstalled, "")), "");
  EXPECT_FALSE(words_for_records(cc("-m32 -c a.c"), clang, kInstalled, ""));
}

TEST(Linking, GetsABuildIdTheMarkAndTheQueryFunctions) {
  EXPECT_EQ(linking("a.o"), "-Wl,--build-id -Xlinker /p/marker.o -Xlinker /p/link.a");
  EXPECT_EQ(linking("-shared a.o -Wl,--build-id=none"), "-Xlinker /p/marker.o -Xlinker /p/link.a");
}

TEST(Linking, WithoutItsUsualLibrariesOrForAnotherMachineGetsNoFunctions) {
  for (const char* words :
       {"-static a.o", "-static-pie a.o", "-nostdlib a.o", "-nodefaultlibs a.o", "-m32 a.o",
        "--target=aarch64-linux-gnu a.o", "-target arm a.o", "-ffreestanding a.c"}) {
    EXPECT_EQ(linking(words), "-Wl,--build-id") << words;
    EXPECT_TRUE(embeds(words)) << words;
  }
}

TEST(Linking, IsLeftAloneWhereTheResultIsNoProgram) {
  for (const char* words : {"-r a.o", "-Wl,-r a.o", "-T s.ld a.o", "-Wl,-T,s.ld a.o",
                            "-Wl,--oformat=binary a.o", "-Ttext 0 a.o", "-c a.c"}) {
    EXPECT_EQ(linking(words), "") << words;
    EXPECT_FALSE(embeds(words)) << words;
  }
}

}  // namespace
}  // namespace allocs::allocscc
