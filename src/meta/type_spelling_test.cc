// SPDX-License-Identifier: Apache-2.0
#include "meta/type_spelling.h"

#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

struct Pair {
  const char* gcc;
  const char* clang;
};

TEST(TypeSpelling, OfGccAndClangComesToTheSame) {
  for (const Pair& pair : {
           Pair{"node", "node"},
           Pair{"std::pair<int const, t>", "std::pair<const int, t>"},
           Pair{"std::vector<int, std::allocator<int> >", "std::vector<int, std::allocator<int>>"},
           Pair{"a<char const*>", "a<const char *>"},
           Pair{"a<char const* const>", "a<const char *const>"},
           Pair{"a<long unsigned int>", "a<unsigned long>"},
           Pair{"a<short unsigned int, long long int, signed char>",
                "a<unsigned short, long long, signed char>"},
           Pair{"array<int, 5>", "array<int, 5UL>"},
           Pair{"flag<true>", "flag<true>"},
           Pair{"letter<(char)97>", "letter<'a'>"},
           Pair{"letter<(color)1>", "letter<(color)1>"},
           Pair{"a<(anonymous namespace)::b>", "a<(anonymous namespace)::b>"},
           Pair{"std::__cxx11::basic_string<char>", "std::basic_string<char>"},
           Pair{"a<b<int const volatile>::c const>", "a<const b<const volatile int>::c>"},
           Pair{"std::function<void (int, foo const&)>", "std::function<void (int, const foo &)>"},
           Pair{"a<b*>", "a<struct b *>"},
           Pair{"a<unsigned int>", "a<unsigned>"},
           Pair{"a<int (*)(char const*)>", "a<int (*)(const char *)>"},
           Pair{"a<int b::*>", "a<int b::*>"},
           Pair{"a<int const [3]>", "a<const int[3]>"},
       }) {
    EXPECT_EQ(comparable_spelling(pair.gcc), comparable_spelling(pair.clang)) << pair.clang;
  }
}

TEST(TypeSpelling, OfDifferentTypesStaysDifferent) {
  const char* const all[] = {
      "a<int>",       "a<unsigned int>", "a<long>",        "a<const int>",  "a<int, long>",
      "a<long, int>", "a<const char *>", "a<char *const>", "a<char *>",     "b::a<int>",
      "a<b<int>, c>", "a<b<int, c>>",    "a<1>",           "a<-1>",         "a<0>",
      "a<int &>",     "a<int &&>",       "a<b>::c",        "a<b::c>",       "a<signed char>",
      "a<char>",      "a<double>",       "a<long double>", "a<void (int)>", "a<void (*)(int)>"};
  for (const char* one : all) {
    for (const char* other : all) {
      if (one != other) {
        EXPECT_NE(comparable_spelling(one), comparable_spelling(other)) << one << " " << other;
      }
    }
  }
}

TEST(TypeSpelling, OfNonsenseEnds) {
  for (const char* text :
       {"", "<", ">", ">>>", "a<", "a<(", "'", "''", "a<'", "::", ",", "a)b", "const", "a<const>",
        "(int)", "(int)-", "operator<", "operator()<int>"}) {
    comparable_spelling(text);
  }
  comparable_spelling(std::string(100000, '<'));
}

}  // namespace
}  // namespace allocs::meta
