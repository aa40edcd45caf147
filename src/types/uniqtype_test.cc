// SPDX-License-Identifier: Apache-2.0
#include "allocs/uniqtype.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "types/derive.h"
#include "types/describe.h"
#include "types/interner.h"
#include "types/subobject.h"
#include "types/type_hash.h"

namespace allocs::types {
namespace {

class UniqtypeTest : public testing::Test {
 protected:
  UniqtypeTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
  }

  uniqtype* int32() { return base_type(*interner_, kEncodingSigned, 4, "int$32", "int"); }
  uniqtype* character() {
    return base_type(*interner_, kEncodingSignedChar, 1, "signed_char$8", "char");
  }
  static std::string human(const uniqtype* u) {
    char buffer[200];
    TextWriter out(buffer, sizeof(buffer));
    put_human_name(out, u);
    return buffer;
  }
  static std::string symbol(const uniqtype* u) {
    char buffer[200];
    TextWriter out(buffer, sizeof(buffer));
    put_symbol_name(out, u);
    return buffer;
  }

  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
};

TEST_F(UniqtypeTest, EqualTypesAreOneObject) {
  EXPECT_EQ(int32(), int32());
  EXPECT_NE(int32(), character());
  EXPECT_EQ(pointer_to(*interner_, int32()), pointer_to(*interner_, int32()));
  EXPECT_EQ(array_of(*interner_, int32(), 3), array_of(*interner_, int32(), 3));
  EXPECT_NE(array_of(*interner_, int32(), 3), array_of(*interner_, int32(), 4));
}

TEST_F(UniqtypeTest, NamesAreCanonical) {
  uniqtype* string = pointer_to(*interner_, character());
  EXPECT_STREQ(name_of(array_of(*interner_, string, 2)), "__ARR2___PTR_signed_char$8");
  EXPECT_STREQ(name_of(array_of(*interner_, int32(), kUnbounded)), "__ARR0_int$32");
  EXPECT_STREQ(name_of(nullptr), "(no type)");
  EXPECT_EQ(symbol(int32()), "__uniqtype__int$$32");
}

TEST_F(UniqtypeTest, HumanNamesAreDeclarators) {
  uniqtype* string = pointer_to(*interner_, character());
  uniqtype* row = array_of(*interner_, int32(), 3);
  EXPECT_EQ(human(array_of(*interner_, string, 2)), "char *[2]");
  EXPECT_EQ(human(array_of(*interner_, row, 2)), "int[2][3]");
  EXPECT_EQ(human(pointer_to(*interner_, row)), "int (*)[3]");
  EXPECT_EQ(human(array_of(*interner_, pointer_to(*interner_, row), 5)), "int (*[5])[3]");
  EXPECT_EQ(human(pointer_to(*interner_, string)), "char **");
}

TEST_F(UniqtypeTest, MacrosReadTheFields) {
  uniqtype* array = array_of(*interner_, int32(), 3);
  uniqtype* open = array_of(*interner_, int32(), kUnbounded);
  uniqtype* pointer = pointer_to(*interner_, pointer_to(*interner_, array));
  EXPECT_EQ(UNIQTYPE_KIND(array), UNIQTYPE_KIND_ARRAY);
  EXPECT_EQ(UNIQTYPE_ARRAY_LENGTH(array), 3);
  EXPECT_EQ(UNIQTYPE_ARRAY_LENGTH(open), -1);
  EXPECT_FALSE(UNIQTYPE_HAS_KNOWN_LENGTH(open));
  EXPECT_EQ(UNIQTYPE_SIZE_IN_BYTES(array), 12u);
  EXPECT_EQ(UNIQTYPE_KIND(pointer), UNIQTYPE_KIND_ADDRESS);
  EXPECT_EQ(UNIQTYPE_ULTIMATE_POINTEE_TYPE(pointer), array);
  EXPECT_EQ(pointer->un.address.indir_level, 2u);
}

TEST_F(UniqtypeTest, WhatLooksLikeADeclaratorInTheNameOfAClassIsNone) {
  const CompositeSlot slots[] = {{"a", 0, int32()}};
  for (const char* name : {"hook<int (*)(char)>", "std::function<void (int)>", "table<int[3]>"}) {
    Hasher identity;
    identity.add(std::string_view(name));
    uniqtype* composite =
        composite_of(*interner_, CompositeKind::class_, identity.finish(), name, name, 4, slots, 1);
    EXPECT_EQ(human(pointer_to(*interner_, composite)), std::string(name) + " *");
    EXPECT_EQ(human(pointer_to(*interner_, pointer_to(*interner_, composite))),
              std::string(name) + " **");
  }
}

TEST_F(UniqtypeTest, SubobjectsAreFoundByOffset) {
  const CompositeSlot slots[] = {{"a", 0, int32()},
                                 {"rest", 8, array_of(*interner_, character(), kUnbounded)}};
  uniqtype* composite = composite_of(*interner_, CompositeKind::structure, Hash128{1, 2}, "s",
                                     "struct s", 8, slots, 2);
  Subobject found;
  ASSERT_TRUE(subobject_at(*composite, 20, 2, found));
  EXPECT_STREQ(found.member, "a");
  EXPECT_FALSE(subobject_at(*composite, 20, 5, found)) << "padding";
  ASSERT_TRUE(subobject_at(*composite, 20, 11, found))
      << "a flexible member reaches to the end of the block";
  EXPECT_EQ(found.offset, 8u);
  EXPECT_EQ(found.size, 12u);
  ASSERT_TRUE(subobject_at(*found.type, found.size, 3, found));
  EXPECT_EQ(found.index, 3u);
  EXPECT_FALSE(subobject_at(*array_of(*interner_, int32(), 3), 12, 12, found));

  uniqtype* rows = array_of(*interner_, array_of(*interner_, int32(), kUnbounded), kUnbounded);
  EXPECT_FALSE(subobject_at(*rows, 32, 20, found)) << "nothing tells how long a row is";
  ASSERT_TRUE(subobject_at(*rows, 32, 20, found, 16));
  EXPECT_EQ(found.index, 1u);
  EXPECT_EQ(found.size, 16u);
}

TEST_F(UniqtypeTest, AnOverlongArrayIsRefusedNotWrapped) {
  EXPECT_EQ(array_of(*interner_, int32(), std::uint64_t{1} << 63), nullptr);
}

TEST_F(UniqtypeTest, ThreadsThatDeriveTheSameTypesGetTheSameObjects) {
  constexpr int kThreads = 8, kTypes = 300;
  std::vector<std::vector<uniqtype*>> made(kThreads);
  uniqtype* element = int32();
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTypes; ++i)
        mine.push_back(pointer_to(*interner_, array_of(*interner_, element, i)));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& mine : made) EXPECT_EQ(mine, made[0]);
}

TEST(InternerTest, MakesNothingUntilOpened) {
  const auto interner = std::make_unique<Interner>();
  EXPECT_EQ(base_type(*interner, kEncodingSigned, 4, "int$32", "int"), nullptr);
  EXPECT_EQ(interner->find(Hash128{1, 2}), nullptr);
}

}  // namespace
}  // namespace allocs::types
