// SPDX-License-Identifier: Apache-2.0
#include "types/covering.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "types/derive.h"

namespace allocs::types {
namespace {

class CoveringTest : public testing::Test {
 protected:
  CoveringTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
  }

  uniqtype* int32() { return base_type(*interner_, kEncodingSigned, 4, "int$32", "int"); }
  uniqtype* character() {
    return base_type(*interner_, kEncodingSignedChar, 1, "signed_char$8", "char");
  }
  uniqtype* composite(CompositeKind kind, std::uint64_t number, std::uint64_t size,
                      std::vector<CompositeSlot> slots) {
    return composite_of(*interner_, kind, Hash128{number, number}, "s", "s", size, slots.data(),
                        slots.size());
  }
  // "whole@0/1 [2]@2/2": names or indices, with offset and depth.
  static std::string covering(const uniqtype* u, std::uint64_t extent, std::uint64_t offset,
                              unsigned most = 100) {
    std::string all;
    for_each_covering(
        *u, extent, offset, -1, [](unsigned) { return std::uint64_t{0}; },
        [&](const Subobject& sub, std::uint64_t at, unsigned depth) {
          if (!all.empty()) all += ' ';
          all += sub.member != nullptr ? sub.member : "[" + std::to_string(sub.index) + "]";
          all += "@" + std::to_string(at) + "/" + std::to_string(depth);
          return --most != 0;
        });
    return all;
  }

  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
};

TEST_F(CoveringTest, OfAUnionAllThatCoverTheByte) {
  uniqtype* both =
      composite(CompositeKind::union_, 1, 8,
                {{"whole", 0, int32()}, {"bytes", 0, array_of(*interner_, character(), 8)}});
  EXPECT_EQ(covering(both, 8, 2), "whole@0/1 bytes@0/1 [2]@2/2");
  EXPECT_EQ(covering(both, 8, 6), "bytes@0/1 [6]@6/2") << "the shorter member ends before";
  EXPECT_EQ(covering(both, 8, 2, 1), "whole@0/1") << "the visitor ends it";
}

TEST_F(CoveringTest, SlotsThatOverlapAtDifferentOffsets) {
  uniqtype* frame = composite(CompositeKind::frame, 2, 12,
                              {{"early", 0, array_of(*interner_, int32(), 2)},
                               {"late", 4, array_of(*interner_, int32(), 2)}});
  EXPECT_EQ(covering(frame, 12, 5), "early@0/1 [1]@4/2 late@4/1 [0]@4/2");
  EXPECT_EQ(covering(frame, 12, 9), "late@4/1 [1]@8/2");
}

TEST_F(CoveringTest, NothingCoversPaddingOrWhatIsOutside) {
  uniqtype* padded =
      composite(CompositeKind::structure, 3, 8, {{"c", 0, character()}, {"i", 4, int32()}});
  EXPECT_EQ(covering(padded, 8, 2), "");
  EXPECT_EQ(covering(padded, 8, 8), "");
  EXPECT_EQ(covering(int32(), 4, 0), "") << "a number has no parts";
}

TEST_F(CoveringTest, AnArrayOfTheMemorysLengthHasWhatFits) {
  uniqtype* open = array_of(*interner_, int32(), kUnbounded);
  EXPECT_EQ(covering(open, 10, 7), "[1]@4/1");
  EXPECT_EQ(covering(open, 10, 9), "") << "half an element";
  int elements = 0;
  EXPECT_TRUE(
      for_each_direct_subobject(*open, 10, 0, [&](const Subobject&) { return ++elements < 9; }));
  EXPECT_EQ(elements, 2);
}

}  // namespace
}  // namespace allocs::types
