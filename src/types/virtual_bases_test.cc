// SPDX-License-Identifier: Apache-2.0
#include "types/virtual_bases.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "types/derive.h"
#include "types/pointer_fields.h"
#include "types/word_content.h"

namespace allocs::types {
namespace {

constexpr std::uint8_t kBase = kMemberBaseClass, kVirtual = kMemberBaseClass | kMemberVirtualBase;

// Tables: how far from the part of an object the base lies that they tell of, by the part's offset and the distance below.
using Tables = std::map<std::pair<std::uint64_t, std::uint64_t>, std::int64_t>;

class VirtualBasesTest : public testing::Test {
 protected:
  VirtualBasesTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
    byte_ = base_type(*interner_, kEncodingSignedChar, 1, "signed_char$8", "char");
    word_ = base_type(*interner_, kEncodingSigned, 8, "int$64", "long");
    pointer_ = pointer_to(*interner_, word_);
    // struct V { long *p; char v; };  struct L : virtual V { long l; };  struct R : virtual V { char r; };
    v_ = composite("V", 16, {{"p", 0, pointer_}, {"v", 8, byte_}});
    l_ = composite("L", 32, {{"l_table", 0, pointer_}, {"l", 8, word_}, base(24, v_, kVirtual)});
    r_ = composite("R", 32, {{"r_table", 0, pointer_}, {"r", 8, byte_}, base(24, v_, kVirtual)});
    // struct D : L, R { char d; };
    d_ = composite("D", 48, {base(0, l_, kBase), base(16, r_, kBase), {"d", 25, byte_}});
  }

  static CompositeSlot base(std::uint64_t offset, uniqtype* type, std::uint8_t flags) {
    CompositeSlot slot{"", offset, type};
    slot.flags = flags;
    return slot;
  }
  uniqtype* composite(const char* name, std::uint64_t size, std::vector<CompositeSlot> slots) {
    return composite_by_content(*interner_, CompositeKind::structure, name, name, size,
                                slots.data(), slots.size());
  }
  ObjectReader reader(const Tables& tables) {
    return {.tell =
                [](const void* of, const uniqtype&, Address object, Address part,
                   std::uint64_t distance, std::int64_t& offset) {
                  const auto& all = *static_cast<const Tables*>(of);
                  const auto found = all.find({part - object, distance});
                  if (found == all.end()) return false;
                  offset = found->second;
                  return true;
                },
            .context = &tables};
  }
  // "L@0+16 l@8+8": what covers the byte, outer ones first.
  static std::string covering(const uniqtype* u, std::uint64_t offset,
                              const ObjectReader* looking) {
    std::string all;
    for_each_covering(
        *u, size_of(*u), offset, -1, [](unsigned) { return std::uint64_t{0}; },
        [&](const Subobject& sub, std::uint64_t at, unsigned) {
          const char* const name = sub.is_base ? record_of(*sub.type).name : sub.member;
          all += (all.empty() ? "" : " ") + std::string(name) + "@" + std::to_string(at) + "+" +
                 std::to_string(sub.size);
          return true;
        },
        {.reader = looking, .at = kAt});
    return all;
  }
  static std::string pointers(const uniqtype* u, const ObjectReader* looking) {
    std::string all;
    for_each_pointer_field(
        u, kAt, size_of(*u),
        [&](Address at, const uniqtype&) {
          all += std::to_string(at - kAt) + " ";
          return true;
        },
        looking);
    return all;
  }

  static constexpr Address kAt{0x1000};
  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
  uniqtype *byte_, *word_, *pointer_, *v_, *l_, *r_, *d_;
};

TEST_F(VirtualBasesTest, ABaseClassEndsWhereTheNextPartBegins) {
  uniqtype* base_class =
      composite("B", 16, {{"table", 0, pointer_}, {"a", 8, byte_}, {"b", 12, byte_}});
  uniqtype* derived = composite("E", 16, {base(0, base_class, kBase), {"c", 13, byte_}});
  EXPECT_EQ(covering(derived, 12, nullptr), "B@0+13 b@12+1");
  EXPECT_EQ(covering(derived, 13, nullptr), "c@13+1");
  Subobject found;
  ASSERT_TRUE(subobject_at(*derived, 16, 13, found));
  EXPECT_STREQ(found.member, "c");
  EXPECT_FALSE(found.ambiguous);
  // A member that may not share its padding looks the same, if something does lie in it.
  uniqtype* holder = composite("H", 24, {{"b", 0, base_class}, {"c", 13, byte_}});
  EXPECT_EQ(covering(holder, 13, nullptr), "c@13+1");
}

TEST_F(VirtualBasesTest, AnEmptyBaseClassHasNoByte) {
  uniqtype* empty = composite("empty", 1, {});
  uniqtype* derived = composite("F", 8, {base(0, empty, kBase), {"x", 0, word_}});
  EXPECT_EQ(covering(derived, 0, nullptr), "x@0+8");
}

TEST_F(VirtualBasesTest, AVirtualBaseLiesInTheWholeObjectOnce) {
  const Tables tables{{{0, 24}, 32}, {{16, 24}, 16}};
  const ObjectReader looking = reader(tables);
  EXPECT_EQ(covering(d_, 8, &looking), "L@0+16 l@8+8");
  EXPECT_EQ(covering(d_, 16, &looking), "R@16+9 r_table@16+8");
  EXPECT_EQ(covering(d_, 25, &looking), "d@25+1");
  EXPECT_EQ(covering(d_, 32, &looking), "V@32+16 p@32+8");
  EXPECT_EQ(covering(d_, 40, &looking), "V@32+16 v@40+1");
  EXPECT_EQ(pointers(d_, &looking), "0 16 32 ");
  EXPECT_EQ(pointer_field_at(d_, 48, 32, {.reader = &looking, .at = kAt}).type, pointer_);
}

TEST_F(VirtualBasesTest, WhereNobodyTellsItHasNoPlace) {
  const Tables nothing, beyond{{{0, 24}, 40}, {{16, 24}, 24}}, before{{{0, 24}, -8}};
  const ObjectReader silent = reader(nothing), wrong = reader(beyond), lower = reader(before);
  for (const ObjectReader* looking :
       {static_cast<const ObjectReader*>(nullptr), &silent, &wrong, &lower}) {
    EXPECT_EQ(covering(d_, 32, looking), "");
    EXPECT_EQ(covering(d_, 16, looking), "R@16+9 r_table@16+8") << "its own bytes stay";
    EXPECT_EQ(pointers(d_, looking), "0 16 ");
  }
}

TEST_F(VirtualBasesTest, WhatAPrimaryOneSharesIsToldByAddress) {
  // struct N { N_table; };  struct P : virtual N { long *q; };  N shares P's pointer at 0.
  uniqtype* nearly_empty = composite("N", 8, {{"n_table", 0, pointer_}});
  uniqtype* p = composite("P", 16, {{"q", 8, pointer_}, base(24, nearly_empty, kVirtual)});
  uniqtype* whole = composite("W", 24, {base(0, p, kBase), {"z", 16, pointer_}});
  const Tables tables{{{0, 24}, 0}};
  const ObjectReader looking = reader(tables);
  EXPECT_EQ(pointers(whole, &looking), "0 8 16 ");
  Subobject found;
  ASSERT_TRUE(subobject_at(*whole, 24, 0, found, 0, {.reader = &looking, .at = kAt}));
  EXPECT_TRUE(found.is_virtual_base);
  EXPECT_FALSE(found.ambiguous);
}

TEST_F(VirtualBasesTest, MembersAreWholeObjectsInABaseClassToo) {
  uniqtype* inner = composite("inner", 48, {{"x", 0, word_}, {"m", 8, l_}});
  uniqtype* outer = composite("outer", 48, {base(0, inner, kBase)});
  const Tables tables{{{0, 24}, 16}};  // of the L at 8
  const ObjectReader looking = reader(tables);
  EXPECT_EQ(covering(outer, 24, &looking), "inner@0+48 m@8+32 V@24+16 p@24+8");
  EXPECT_EQ(pointers(outer, &looking), "8 24 ");
  const Tables both{{{0, 24}, 16}, {{0, 32}, 56}};
  const ObjectReader looking_at_both = reader(both);
  uniqtype* around =
      composite("around", 80, {{"table", 0, pointer_}, {"m", 8, l_}, base(32, v_, kVirtual)});
  EXPECT_EQ(pointers(around, &looking_at_both), "0 8 24 56 ");
}

TEST_F(VirtualBasesTest, ANumberInAVirtualBaseIsOne) {
  const Tables tables{{{0, 24}, 32}, {{16, 24}, 16}};
  const ObjectReader looking = reader(tables);
  const auto content = [&](const ObjectReader* with) {
    WordContent word;
    word.add(
        *d_, {kAt, kAt + 48}, kAt + 40, [](unsigned) { return std::uint64_t{0}; }, with);
    return word;
  };
  EXPECT_TRUE(content(&looking).begins_with_other);
  EXPECT_TRUE(content(nullptr).says_nothing());
}

}  // namespace
}  // namespace allocs::types
