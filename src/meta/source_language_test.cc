// SPDX-License-Identifier: Apache-2.0
#include "meta/source_language.h"

#include <dwarf.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace allocs::meta {
namespace {

TEST(SourceLanguage, ArraysBeginWhereTheLanguageSays) {
  for (const int language :
       std::initializer_list<int>{0, DW_LANG_C89, DW_LANG_C11, DW_LANG_C_plus_plus_14, DW_LANG_Rust,
                                  DW_LANG_D, DW_LANG_Go, DW_LANG_Python})
    EXPECT_EQ(first_index_of(static_cast<unsigned>(language)), 0u) << language;
  for (const int language : std::initializer_list<int>{
           DW_LANG_Fortran77, DW_LANG_Fortran08, DW_LANG_Ada95, DW_LANG_Pascal83, DW_LANG_Cobol85,
           DW_LANG_Modula2, DW_LANG_PLI, DW_LANG_Julia})
    EXPECT_EQ(first_index_of(static_cast<unsigned>(language)), 1u) << language;
}

TEST(SourceLanguage, OnlyFortranTurnsItsArraysRound) {
  for (const int language : std::initializer_list<int>{DW_LANG_Fortran90, DW_LANG_Fortran03, 0x2d})
    EXPECT_TRUE(is_fortran(static_cast<unsigned>(language)));
  for (const int language :
       std::initializer_list<int>{DW_LANG_C99, DW_LANG_Ada83, DW_LANG_Julia, 0})
    EXPECT_FALSE(is_fortran(static_cast<unsigned>(language)));
}

TEST(SourceLanguage, CPlusPlusIsNotC) {
  EXPECT_TRUE(is_c(DW_LANG_C11));
  EXPECT_TRUE(is_c(0));
  EXPECT_FALSE(is_c(DW_LANG_C_plus_plus));
  EXPECT_FALSE(is_c(DW_LANG_Rust));
}

}  // namespace
}  // namespace allocs::meta
