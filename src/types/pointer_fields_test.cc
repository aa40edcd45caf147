// SPDX-License-Identifier: Apache-2.0
#include "types/pointer_fields.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "types/derive.h"

namespace allocs::types {
namespace {

class PointerFieldsTest : public testing::Test {
 protected:
  PointerFieldsTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
    number_ = base_type(*interner_, kEncodingSigned, 8, "int$64", "long");
    pointer_ = pointer_to(*interner_, number_);
    far_ = pointer_to(*interner_, pointer_);
    const CompositeSlot node[] = {{"next", 0, pointer_}, {"n", 8, number_}, {"up", 16, far_}};
    node_ = composite("node", 24, node);
    // union { struct { long n; long *p; } pair; long **whole; }
    const CompositeSlot pair[] = {{"n", 0, number_}, {"p", 8, pointer_}};
    const CompositeSlot either[] = {{"pair", 0, composite("pair", 16, pair)}, {"whole", 0, far_}};
    either_ = composite("either", 16, either, CompositeKind::union_);
  }

  template <std::size_t N>
  uniqtype* composite(const char* name, std::uint64_t size, const CompositeSlot (&slots)[N],
                      CompositeKind kind = CompositeKind::structure) {
    return composite_by_content(*interner_, kind, name, name, size, slots, N);
  }
  // "p" and "pp" for pointers to numbers and to these, "-" for none, at each multiple of 4; shared ones with a star.
  std::string fields(const uniqtype* type, std::uint64_t extent) {
    std::string all;
    for (std::uint64_t at = 0; at < extent; at += 4) {
      const PointerField field = pointer_field_at(type, extent, at);
      all += field.type == pointer_ ? "p" : field.type == far_ ? "pp" : "-";
      if (field.type != nullptr && field.is_shared) all += "*";
      all += " ";
    }
    return all;
  }

  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
  uniqtype *number_, *pointer_, *far_, *node_, *either_;
};

TEST_F(PointerFieldsTest, APointerIsFoundWhereItBegins) {
  EXPECT_EQ(fields(pointer_, 8), "p - ");
  EXPECT_EQ(fields(number_, 8), "- - ");
  EXPECT_EQ(fields(node_, 24), "p - - - pp - ");
  EXPECT_EQ(fields(array_of(*interner_, node_, 2), 48), "p - - - pp - p - - - pp - ");
}

TEST_F(PointerFieldsTest, NothingIsBehindTheEnd) {
  EXPECT_EQ(fields(pointer_, 4), "- ");
  EXPECT_EQ(fields(node_, 20), "p - - - - ");
  EXPECT_EQ(fields(array_of(*interner_, pointer_, 1), 16), "p - - - ");
}

TEST_F(PointerFieldsTest, OfAUnionTheFirstPointerCounts) {
  EXPECT_EQ(fields(either_, 16), "pp* - p - ");
}

}  // namespace
}  // namespace allocs::types
