// SPDX-License-Identifier: Apache-2.0
#include "types/instantiate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "types/test_image.h"
#include "types/type_hash.h"

namespace allocs::types {
namespace {

const ScratchMemory kScratch{.take = [](std::size_t size) { return std::calloc(1, size); },
                             .give_back = [](void* memory, std::size_t) { std::free(memory); }};

struct Loaded {
  explicit Loaded(TestImage& test) {
    const std::byte* bytes = test.finish();
    image = Image::open(bytes, test.size());
    slots = std::vector<std::atomic<uniqtype*>>(image->types().size());
  }
  uniqtype* get(Interner& interner, TypeIndex index) {
    return instantiate(interner, *image, slots, kScratch, index);
  }
  std::optional<Image> image;
  std::vector<std::atomic<uniqtype*>> slots;
};

// struct node { struct node *next; int value; };  as 0: node, 1: node *, 2: int
void add_list(TestImage& test, std::uint64_t salt = 0) {
  const std::uint32_t first =
      test.add(Table::members, MemberRecord{.offset = 0, .name = test.text("next"), .type = 1});
  test.add(Table::members, MemberRecord{.offset = 8, .name = test.text("value"), .type = 2});
  TypeRecord node{
      .hash = {11 + salt, 12}, .size = 16, .count = 2, .name = test.text("node"), .first = first};
  node.kind = Kind::composite;
  test.add_type(node);
  TypeRecord pointer{.hash = hash_of_address(AddressKind::pointer, node.hash),
                     .size = 8,
                     .name = test.text("__PTR_node"),
                     .target = 0};
  pointer.kind = Kind::address;
  test.add_type(pointer);
  TypeRecord integer{.hash = hash_of_base(5, 4, 0, 0), .size = 4, .name = test.text("int$32")};
  integer.kind = Kind::base;
  integer.detail = 5;
  test.add_type(integer);
}

class Instantiate : public testing::Test {
 protected:
  Instantiate() {
    interner_->open({.allocate = [](std::size_t size) { return std::calloc(1, size); }});
  }
  std::unique_ptr<Interner> interner_ = std::make_unique<Interner>();
};

TEST_F(Instantiate, ACyclicTypeIsWholeWhenItIsHandedOut) {
  TestImage test;
  add_list(test);
  Loaded loaded(test);
  uniqtype* node = loaded.get(*interner_, 0);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(UNIQTYPE_COMPOSITE_MEMBER_COUNT(node), 2u);
  uniqtype* pointer = node->related[0].un.memb.ptr;
  EXPECT_EQ(UNIQTYPE_POINTEE_TYPE(pointer), node);
  EXPECT_EQ(node->related[1].un.memb.off, 8u);
  EXPECT_STREQ(UNIQTYPE_COMPOSITE_SUBOBJ_NAMES(node)[1], "value");
  EXPECT_EQ(loaded.get(*interner_, 1), pointer);
}

TEST_F(Instantiate, TheSameTypeOfTwoImagesIsOneObject) {
  TestImage one, two, different;
  add_list(one);
  two.text("the strings lie elsewhere here");
  add_list(two);
  add_list(different, 100);
  Loaded first(one), second(two), third(different);
  EXPECT_EQ(first.get(*interner_, 0), second.get(*interner_, 0));
  EXPECT_NE(first.get(*interner_, 0), third.get(*interner_, 0));
  EXPECT_EQ(first.get(*interner_, 2), third.get(*interner_, 2)) << "int is int";
}

TEST_F(Instantiate, ThreadsThatComeTogetherGetOneObject) {
  for (int round = 0; round < 50; ++round) {
    TestImage test;
    add_list(test, 1000 + static_cast<std::uint64_t>(round));
    Loaded loaded(test);
    std::vector<uniqtype*> got(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < got.size(); ++i) {
      threads.emplace_back([&, i] {
        got[i] = loaded.get(*interner_, i % 2);
        if (i % 2 == 1) got[i] = UNIQTYPE_POINTEE_TYPE(got[i]);
      });
    }
    for (auto& thread : threads) thread.join();
    for (uniqtype* node : got) EXPECT_EQ(node, got[0]);
  }
}

TEST_F(Instantiate, DamagedRecordsGiveNoType) {
  TestImage test;
  TypeRecord composite{.hash = {1, 1}, .count = 3, .first = 9};
  composite.kind = Kind::composite;
  test.add_type(composite);
  TypeRecord pointer{.hash = {2, 2}, .target = 77};
  pointer.kind = Kind::address;
  test.add_type(pointer);
  TypeRecord strange{.hash = {3, 3}};
  strange.kind = static_cast<Kind>(99);
  test.add_type(strange);
  Loaded loaded(test);
  for (TypeIndex index = 0; index < 4; ++index)
    EXPECT_EQ(loaded.get(*interner_, index), nullptr) << index;
}

TEST_F(Instantiate, ARecordOfAnotherShapeUnderTheSameHashNeverChangesTheFirst) {
  TestImage honest, hostile;
  add_list(honest);
  TypeRecord liar{.hash = {11, 12}, .size = 16, .count = 0};
  liar.kind = Kind::composite;
  hostile.add_type(liar);
  Loaded first(honest), second(hostile);
  uniqtype* node = first.get(*interner_, 0);
  EXPECT_EQ(second.get(*interner_, 0), node);
  EXPECT_EQ(UNIQTYPE_COMPOSITE_MEMBER_COUNT(node), 2u);
}

}  // namespace
}  // namespace allocs::types
