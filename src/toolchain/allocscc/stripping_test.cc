// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/stripping.h"

#include <gtest/gtest.h>

#include "toolchain/toolsub/response_file.h"

namespace allocs::allocscc {
namespace {

std::string deferred(std::string_view words) {
  const auto strip =
      defer_strip(toolsub::CommandLine(toolsub::words_of_response_file(words), false));
  if (!strip) return "(none)";
  std::string text = strip->option + ":";
  for (const std::string& word : strip->words) text += " " + word;
  return text;
}

TEST(DeferStrip, TakesTheOptionsOutWhereverTheyAre) {
  EXPECT_EQ(deferred("a.o -o p -s"), "--strip-all: a.o -o p");
  EXPECT_EQ(deferred("-Wl,-s a.o"), "--strip-all: a.o");
  EXPECT_EQ(deferred("-Wl,-O1,-s,-z,now a.o"), "--strip-all: -Wl,-O1,-z,now a.o");
  EXPECT_EQ(deferred("-Xlinker --strip-debug a.o"), "--strip-debug: a.o");
  EXPECT_EQ(deferred("-Wl,-S -s a.o"), "--strip-all: a.o");
}

TEST(DeferStrip, LeavesOthersAlone) {
  EXPECT_EQ(deferred("a.o -o p -Wl,-soname,libs.so -shared -static-libgcc"), "(none)");
}

}  // namespace
}  // namespace allocs::allocscc
