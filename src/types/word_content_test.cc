// SPDX-License-Identifier: Apache-2.0
#include "types/word_content.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "types/derive.h"

namespace allocs::types {
namespace {

class WordContentTest : public testing::Test {
 protected:
  WordContentTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
  }

  uniqtype* int32() { return base_type(*interner_, kEncodingSigned, 4, "int$32", "int"); }
  uniqtype* int64() { return base_type(*interner_, kEncodingSigned, 8, "int$64", "long"); }
  uniqtype* character() {
    return base_type(*interner_, kEncodingSignedChar, 1, "signed_char$8", "char");
  }
  uniqtype* pointer() { return pointer_to(*interner_, int32()); }
  uniqtype* array(uniqtype* of, std::uint64_t count) { return array_of(*interner_, of, count); }
  uniqtype* composite(std::uint64_t number, std::uint64_t size, std::vector<CompositeSlot> slots,
                      CompositeKind kind = CompositeKind::structure) {
    return composite_of(*interner_, kind, Hash128{number, number}, "s", "s", size, slots.data(),
                        slots.size());
  }
  // "pointer", "none" or "unknown" for each word of an object at `begin`, of the words that have a byte of it.
  static std::string words(const uniqtype* u, std::uint64_t size, std::uint64_t begin = 0x1000) {
    std::string all;
    for (std::uint64_t word = begin & ~std::uint64_t{7}; word < begin + size; word += 8) {
      WordContent content;
      content.add(*u, {Address{begin}, Address{begin + size}}, Address{word},
                  [](unsigned) { return std::uint64_t{0}; });
      if (!all.empty()) all += ' ';
      all += content.is_pointer() ? "pointer" : content.is_none() ? "none" : "unknown";
    }
    return all;
  }

  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
};

TEST_F(WordContentTest, PointersAndNumbersAreToldApart) {
  uniqtype* node = composite(1, 32,
                             {{"p", 0, pointer()},
                              {"n", 8, int32()},
                              {"q", 16, pointer()},
                              {"m", 24, int32()},
                              {"k", 28, int32()}});
  EXPECT_EQ(words(node, 32), "pointer none pointer none");
  EXPECT_EQ(words(array(node, 2), 64), "pointer none pointer none pointer none pointer none");
  EXPECT_EQ(words(pointer(), 8), "pointer");
}

TEST_F(WordContentTest, ANumberThatReachesIntoAWordIsEnoughToSayThatNoPointerIsThere) {
  EXPECT_EQ(words(int32(), 4, 0x1004), "none");
  EXPECT_EQ(words(array(int32(), 3), 12, 0x1004), "none none");
}

TEST_F(WordContentTest, PaddingIsUnknown) {
  EXPECT_EQ(words(composite(2, 24, {{"c", 0, character()}, {"p", 16, pointer()}}), 24),
            "none unknown pointer");
}

TEST_F(WordContentTest, BytesMayBeAnything) {
  EXPECT_EQ(words(array(character(), 16), 16), "unknown unknown");
  EXPECT_EQ(words(character(), 1), "none") << "a character alone is a character";
}

TEST_F(WordContentTest, WhatSharesAWordWithAPointerLeavesItOpen) {
  EXPECT_EQ(
      words(composite(3, 8, {{"p", 0, pointer()}, {"n", 0, int64()}}, CompositeKind::union_), 8),
      "unknown");
  // The other member has its only number behind the first four bytes.
  uniqtype* late = composite(4, 8, {{"n", 4, int32()}});
  EXPECT_EQ(
      words(composite(5, 8, {{"p", 0, pointer()}, {"late", 0, late}}, CompositeKind::union_), 8),
      "unknown");
  EXPECT_EQ(
      words(composite(6, 8, {{"p", 0, pointer()}, {"q", 0, pointer()}}, CompositeKind::union_), 8),
      "pointer");
}

TEST_F(WordContentTest, AnEmptyPartSaysNothing) {
  uniqtype* empty = composite(7, 1, {});
  EXPECT_EQ(words(composite(8, 16, {{"", 0, empty}, {"p", 0, pointer()}, {"n", 8, int64()}}), 16),
            "pointer none");
  EXPECT_EQ(words(empty, 1), "unknown");
}

TEST_F(WordContentTest, BehindANumberThatIsLessThanItsBlockNothingIsSaid) {
  EXPECT_EQ(words(int32(), 24), "none unknown unknown");
  EXPECT_EQ(words(pointer(), 24), "pointer unknown unknown");
}

// A word that is looked at alone begins wherever it was found.
TEST_F(WordContentTest, WhoseTheFirstByteIsIsToldApart) {
  uniqtype* text = array(character(), 4);
  uniqtype* record = composite(10, 24,
                               {{"n", 0, int32()},
                                {"text", 4, text},
                                {"m", 8, int32()},
                                {"k", 12, int32()},
                                {"p", 16, pointer()}});
  const auto at = [&](std::uint64_t offset) {
    WordContent content;
    content.add(*record, {Address{0x1000}, Address{0x1018}}, Address{0x1000 + offset},
                [](unsigned) { return std::uint64_t{0}; });
    return std::string(content.begins_with_other ? "other " : "") +
           (content.begins_with_bytes ? "bytes " : "") + (content.is_pointer() ? "pointer " : "") +
           (content.has_late_pointer ? "late" : "");
  };
  EXPECT_EQ(at(0), "other ");
  EXPECT_EQ(at(4), "bytes ");
  EXPECT_EQ(at(8), "other ");
  EXPECT_EQ(at(12), "other late");
  EXPECT_EQ(at(16), "pointer ");
  EXPECT_EQ(at(17), "other ");
}

TEST_F(WordContentTest, APointerAcrossWordsIsInNeither) {
  EXPECT_EQ(words(composite(9, 12, {{"n", 0, int32()}, {"p", 4, pointer()}}), 12), "unknown none");
}

}  // namespace
}  // namespace allocs::types
