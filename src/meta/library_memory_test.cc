// SPDX-License-Identifier: Apache-2.0
#include "meta/library_memory.h"

#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

Callee library(std::string_view name) { return {.name = name}; }

TEST(LibraryMemory, TextIsTakenByTheArgumentsThatAreText) {
  EXPECT_TRUE(takes_text(library("snprintf"), 0));
  EXPECT_FALSE(takes_text(library("snprintf"), 1));
  EXPECT_TRUE(takes_text(library("snprintf"), 2));
  EXPECT_TRUE(takes_text(library("strlen"), 0));
  EXPECT_FALSE(takes_text(library("memcpy"), 0));
  EXPECT_FALSE(takes_text({.name = "strlen", .address = 0x1000}, 0)) << "the program's own";
}

// Which has the size and a flag in front of the format.
TEST(LibraryMemory, OfACheckedFunctionTheFormatIsElsewhere) {
  EXPECT_TRUE(takes_text(library("__snprintf_chk"), 0));
  EXPECT_FALSE(takes_text(library("__snprintf_chk"), 2));
  EXPECT_TRUE(takes_text(library("__strcpy_chk"), 1));
}

TEST(LibraryMemory, WhatCopiesOrMovesRecordsTakesAnyMemory) {
  for (const char* name : {"memcpy", "__memmove_chk", "fread", "free", "read", "madvise"})
    EXPECT_TRUE(takes_any_memory(library(name))) << name;
  EXPECT_FALSE(takes_any_memory(library("strlen")));
  EXPECT_FALSE(takes_any_memory({.name = "free", .address = 0x1000}));
  EXPECT_TRUE(copies_memory(library("mempcpy")));
  EXPECT_FALSE(copies_memory(library("memset")));
  EXPECT_EQ(record_size_argument(library("fwrite")), 1);
  EXPECT_EQ(record_size_argument(library("__fread_chk")), 2);
  EXPECT_EQ(record_size_argument(library("memcpy")), -1);
}

}  // namespace
}  // namespace allocs::meta
