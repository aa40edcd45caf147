// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/type_by_referrers.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "types/describe.h"

namespace allocs::query {
namespace {

class TypeByReferrersTest : public testing::Test {
 protected:
  TypeByReferrersTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
    number_ = types::base_type(*interner_, types::kEncodingSigned, 8, "int$64", "long");
    byte_ = types::base_type(*interner_, types::kEncodingSignedChar, 1, "signed_char$8", "char");
    const types::CompositeSlot head[] = {{"kind", 0, number_}, {"size", 8, number_}};
    head_ = composite("head", 16, head);
    const types::CompositeSlot node[] = {{"base", 0, head_}, {"value", 16, number_}};
    node_ = composite("node", 24, node);
    const types::CompositeSlot other[] = {{"a", 0, number_}, {"b", 8, number_}, {"c", 16, number_}};
    other_ = composite("other", 24, other);
  }

  template <std::size_t N>
  uniqtype* composite(const char* name, std::uint64_t size,
                      const types::CompositeSlot (&slots)[N]) {
    return types::composite_by_content(*interner_, types::CompositeKind::structure, name, name,
                                       size, slots, N);
  }
  struct Pointer {
    uniqtype* target;
    std::uint64_t offset = 0;
  };
  // "node", "int$64 3", or "-".
  std::string type_of(std::uint64_t size, std::initializer_list<Pointer> pointers,
                      std::initializer_list<uniqtype*> elements = {}) {
    TypeByReferrers types(size);
    for (uniqtype* each : elements) types.add_elements(each);
    for (const Pointer& each : pointers)
      types.add(*types::pointer_to(*interner_, each.target), each.offset);
    const auto found = types.decide();
    if (found.type == nullptr) return "-";
    const std::string name = types::name_of(found.type);
    return found.count == 1 ? name : name + " " + std::to_string(found.count);
  }

  std::unique_ptr<types::Interner> interner_ = std::make_unique<types::Interner>();
  uniqtype *number_, *byte_, *head_, *node_, *other_;
};

TEST_F(TypeByReferrersTest, WhatIsPointedToIsThereIfItFits) {
  EXPECT_EQ(type_of(24, {{node_}}), "node");
  EXPECT_EQ(type_of(32, {{node_}}), "-");
  EXPECT_EQ(type_of(16, {{node_}}), "-");
  EXPECT_EQ(type_of(24, {}), "-");
}

TEST_F(TypeByReferrersTest, StructuresAreNotTakenForArrays) {
  EXPECT_EQ(type_of(48, {{node_}}), "-");
  EXPECT_EQ(type_of(48, {{number_}}), "int$64 6");
}

TEST_F(TypeByReferrersTest, PointersToWhatItBeginsWithAgree) {
  EXPECT_EQ(type_of(24, {{node_}, {head_}, {number_}}), "node");
  EXPECT_EQ(type_of(24, {{number_}, {head_}, {node_}}), "node");
  EXPECT_EQ(type_of(24, {{node_}, {byte_}}), "node");
}

TEST_F(TypeByReferrersTest, OthersDisagree) {
  EXPECT_EQ(type_of(24, {{node_}, {other_}}), "-");
  EXPECT_EQ(type_of(24, {{node_}, {types::pointer_to(*interner_, node_)}}), "-");
}

TEST_F(TypeByReferrersTest, PointersIntoItMustLeadToSomethingOfIt) {
  EXPECT_EQ(type_of(24, {{node_}, {number_, 16}}), "node");
  EXPECT_EQ(type_of(24, {{node_}, {number_, 8}}), "node");
  EXPECT_EQ(type_of(24, {{node_}, {head_, 8}}), "-");
  EXPECT_EQ(type_of(24, {{node_}, {number_, 12}}), "-");
  EXPECT_EQ(type_of(24, {{number_, 16}}), "-");
  const types::CompositeSlot sizes[] = {{"mchunk_prev_size", 0, number_},
                                        {"mchunk_size", 8, number_}};
  EXPECT_EQ(type_of(24, {{node_}, {composite("malloc_chunk", 16, sizes), 16}}), "node");
}

TEST_F(TypeByReferrersTest, AContainerTellsOfAnyNumber) {
  EXPECT_EQ(type_of(72, {}, {node_}), "node 3");
  EXPECT_EQ(type_of(72, {{node_}, {node_, 24}, {number_, 64}}, {node_}), "node 3");
  EXPECT_EQ(type_of(72, {{head_}}, {node_}), "node 3");
  EXPECT_EQ(type_of(72, {{number_}}, {node_}), "node 3");
  EXPECT_EQ(type_of(72, {{other_, 24}}, {node_}), "-");
  EXPECT_EQ(type_of(72, {}, {node_, other_}), "-");
  EXPECT_EQ(type_of(80, {}, {node_}), "-");
}

}  // namespace
}  // namespace allocs::query
