// SPDX-License-Identifier: Apache-2.0
#include "declarations/declarations.h"

#include <gtest/gtest.h>

namespace allocs::declarations {
namespace {

std::string problem_of(Role role, std::string_view signature) {
  Declarations table;
  table.add_variable("V", role, signature);
  return table.problems().empty() ? "" : table.problems().front();
}

TEST(Signature, CapitalsAreTheParametersThatMatter) {
  Declaration d;
  ASSERT_FALSE(parse_signature("pool_get(pNZ16)p", d));
  EXPECT_EQ(d.name, "pool_get");
  EXPECT_EQ(d.count(), 1);
  EXPECT_EQ(d.size(), 2);
  EXPECT_EQ(d.unit, 16);
  EXPECT_EQ(d.stored(), Declaration::kNone);
  EXPECT_EQ(d.result, 'p');
  EXPECT_FALSE(d.may_be_counted());
}

TEST(Signature, ASizeBehindANumberMayBeCounted) {
  Declaration calloc_like, realloc_like, memalign_like;
  ASSERT_FALSE(parse_signature("mycalloc(zZ)p", calloc_like));
  ASSERT_FALSE(parse_signature("myrealloc(pZ)p", realloc_like));
  ASSERT_FALSE(parse_signature("mymemalign(aZ)p", memalign_like));
  EXPECT_TRUE(calloc_like.may_be_counted());
  EXPECT_FALSE(realloc_like.may_be_counted());
  EXPECT_FALSE(memalign_like.may_be_counted());
}

TEST(Signature, ALocalFunctionIsNamedWithItsObjectFile) {
  Declaration d;
  ASSERT_FALSE(parse_signature("lib/pool.o::get(I)p", d));
  EXPECT_EQ(d.file, "lib/pool.o");
  EXPECT_EQ(d.name, "get");
  EXPECT_EQ(d.size(), 0);
}

TEST(Signature, APieceIsTakenBackForTheFunctionThatHandedItOut) {
  Declaration d;
  d.role = Role::takes_piece_back;
  ASSERT_FALSE(parse_signature("g_slice_free1(zP)->g_slice_alloc", d));
  EXPECT_EQ(d.freed(), 1);
  EXPECT_EQ(d.allocator, "g_slice_alloc");
}

TEST(Signature, WhatIsWrongIsToldWithItsPlace) {
  constexpr Role kAlloc = Role::allocates;
  EXPECT_EQ(problem_of(kAlloc, "f"), "V:1:2: expected ( and the parameters, as in malloc(Z)p");
  EXPECT_EQ(problem_of(kAlloc, "(Z)p"), "V:1:1: expected the name of a function, not '('");
  EXPECT_EQ(problem_of(kAlloc, "9f(Z)p"), "V:1:1: expected the name of a function, not '9'");
  EXPECT_EQ(problem_of(kAlloc, "::f(Z)p"), "V:1:1: expected the name of an object file before ::");
  EXPECT_EQ(problem_of(kAlloc, "  f(Z,Z)p"),
            "V:1:6: expected a parameter, one of z Z p P i I N O a, or ), not ','");
  EXPECT_EQ(problem_of(kAlloc, "f(ZZ)p"), "V:1:4: 'Z' is there twice");
  EXPECT_EQ(problem_of(kAlloc, "f(ZI)p"), "V:1:4: the size is marked twice, by Z and by I");
  EXPECT_EQ(problem_of(kAlloc, "f(Z"), "V:1:4: expected ) after the parameters");
  EXPECT_EQ(problem_of(kAlloc, "f(Z0)p"),
            "V:1:4: expected how many bytes Z counts in, from 1 to 1048576");
  EXPECT_EQ(problem_of(kAlloc, "f(Z99999999999999999999999)p"),
            "V:1:4: expected how many bytes Z counts in, from 1 to 1048576");
  EXPECT_EQ(problem_of(kAlloc, "f(N)p"), "V:1:3: N multiplies a size, so it needs a Z");
  EXPECT_EQ(problem_of(kAlloc, "f(P)p"),
            "V:1:3: P marks what is freed; this function frees nothing");
  EXPECT_EQ(problem_of(kAlloc, "f(Z)px"),
            "V:1:6: expected the result, z, p or i, and then the end, not 'x'");
  EXPECT_EQ(problem_of(kAlloc, "f(Z)p->g"),
            "V:1:6: -> is for functions that take pieces back (subfree)");
  EXPECT_EQ(problem_of(kAlloc, "P(Z)z").substr(0, 29), "V:1:6: expected p, for a poin");
  EXPECT_EQ(problem_of(kAlloc, "ok(Z)p P(N)p"), "V:1:10: N multiplies a size, so it needs a Z");
  EXPECT_EQ(problem_of(Role::frees, "PZ(ZP)"),
            "V:1:4: a function that frees has P and no other capital letter");
  EXPECT_EQ(problem_of(Role::frees, "f(p)"), "V:1:2: expected a P: the pointer to what is freed");
  EXPECT_EQ(problem_of(Role::takes_piece_back, "f(P)"),
            "V:1:5: expected -> and the function that handed the piece out");
  EXPECT_EQ(problem_of(Role::takes_piece_back, "f(P)->"),
            "V:1:7: expected the function that handed the piece out, not the end");
  EXPECT_EQ(problem_of(Role::computes_size, "f(p)z"), "V:1:2: expected a Z: the size");
  EXPECT_EQ(problem_of(Role::computes_size, "f(ZO)z"),
            "V:1:4: O is for functions that hand out memory");
}

Content content_of(std::string_view text) {
  Content content;
  EXPECT_FALSE(parse_content(text, content)) << text;
  return content;
}

TEST(ContentOfABlock, IsATypeOrManyOrOneAndMore) {
  using Shape = Content::Shape;
  EXPECT_EQ(content_of(" char[]"), (Content{Shape::array, "char", 0}));
  EXPECT_EQ(content_of("struct  dirent * [] "), (Content{Shape::array, "dirent", 1}));
  EXPECT_EQ(content_of("struct addrinfo..."), (Content{Shape::at_least_one, "addrinfo", 0}));
  EXPECT_EQ(content_of("unsigned char"), (Content{Shape::one, "unsigned char", 0}));
  EXPECT_EQ(content_of("a::b<int, c>"), (Content{Shape::one, "a::b<int, c>", 0}));
  Content content;
  EXPECT_EQ(parse_content(" ", content)->at, 1u);
  EXPECT_EQ(parse_content("struct", content), std::nullopt);
  EXPECT_EQ(parse_content(" a[3]", content)->at, 2u);
  EXPECT_EQ(parse_content(" struct a*b", content)->at, 9u);
}

TEST(Configuration, LinesAreReadAndWhatIsMalformedIsPassedOver) {
  Declarations table;
  table.add_file("config", R"(# a comment
alloc get(pZ)p   # documented in get.h
  allo get2(pZ)p
alloc
alloc thing_new()p = struct thing
alloc bad_new()p =
alloc odd(Z)p is odd
free put(P) = struct thing
library libz.so.1
alloc of_z(NZ)p
library *
allocsz padded(Z)z
library
)");
  ASSERT_NE(table.find("get"), nullptr);
  EXPECT_TRUE(table.find("get")->is_wrapper());
  EXPECT_TRUE(table.find("get")->is_users);
  EXPECT_FALSE(table.find("thing_new")->is_wrapper());
  EXPECT_EQ(table.find("thing_new")->content.name, "thing");
  EXPECT_EQ(table.find("of_z")->library, "libz.so.1");
  EXPECT_EQ(table.find("padded")->library, "");
  EXPECT_EQ(table.find("get2"), nullptr);
  EXPECT_EQ(table.find("put"), nullptr);
  EXPECT_EQ(
      table.problems(),
      (std::vector<std::string>{
          "config:3:3: expected alloc, allocsz, free, suballoc, subfree, new, new[], container or "
          "library, not 'allo'",
          "config:4:6: expected the name of a function, not the end",
          "config:6:19: expected a type, such as char[] or struct addrinfo",
          "config:7:15: expected = and what the function allocates, or the end of the line",
          "config:8:13: = is for alloc: what such a function allocates",
          "config:13:8: expected the soname of a library, or * for any"}));
}

TEST(Configuration, WhatIsAddedLaterCounts) {
  Declarations table = Declarations::of_libraries();
  EXPECT_FALSE(table.has_users());
  EXPECT_FALSE(table.find("strdup")->is_users);
  table.add_variable("V", Role::allocates, "strdup(p)p strdup(pZ)p");
  EXPECT_TRUE(table.has_users());
  EXPECT_EQ(table.find("strdup")->size(), 1);
  EXPECT_EQ(table.find("malloc")->role, Role::base);
}

TEST(Configuration, WhatHasNoEffectIsSaid) {
  Declarations table;
  table.add_variable("S", Role::suballocates, "take(Z)p get(zZ)p put(OZ)i");
  table.add_variable("A", Role::allocates, "a.o::get(Z)p");
  ASSERT_EQ(table.warnings().size(), 3u);
  EXPECT_EQ(table.warnings()[0].substr(0, 24), "S:1:10: get: its pieces ");
  EXPECT_EQ(table.warnings()[1].substr(0, 24), "S:1:19: put: its pieces ");
  EXPECT_EQ(table.warnings()[2].substr(0, 24), "A:1:1: get: the object f");
  EXPECT_TRUE(table.has_pieces());
  EXPECT_TRUE(table.problems().empty());
}

TEST(Libraries, AreDeclaredWithoutAMistake) {
  const Declarations table = Declarations::of_libraries();
  EXPECT_TRUE(table.problems().empty()) << table.problems().front();
  EXPECT_TRUE(table.warnings().empty());
  EXPECT_GT(table.all().size(), 30u);
  for (const auto& one : table.all()) EXPECT_EQ(table.find(one->name), one.get()) << one->name;
}

}  // namespace
}  // namespace allocs::declarations
