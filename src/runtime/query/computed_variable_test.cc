// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/computed_variable.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <vector>

#include "types/test_image.h"

namespace allocs::query {
namespace {

using types::LocationKind;
using types::Table;

constexpr std::uint8_t kFbreg = 0x91, kDeref = 0x06, kBreg3 = 0x73;

// The stack of one frame: 32 words that end at the canonical frame address.
struct Stack {
  static constexpr std::uint64_t kBegin = 0x7000, kCfa = kBegin + 256;
  std::uint64_t words[32] = {};

  std::uint64_t& below_cfa(std::uint64_t bytes) { return words[(256 - bytes) / 8]; }
  const std::byte* view(Address at, std::size_t size) const {
    if (raw(at) < kBegin || raw(at) + size > kCfa) return nullptr;
    return reinterpret_cast<const std::byte*>(words) + (raw(at) - kBegin);
  }
};

// One function at 0x1000 with the variables of the test. `fbreg -16; deref` is written {kFbreg, 0x70, kDeref}.
class ComputedVariableTest : public testing::Test {
 protected:
  ComputedVariableTest() {
    types::TypeRecord number{.size = 4};
    number.kind = types::Kind::base;
    number_ = test_.add_type(number);
    array_ = add_array(number_, types::kUnbounded);
    grid_ = add_array(array_, types::kUnbounded);
    pair_ = add_array(array_, 2);
  }
  types::TypeIndex add_array(types::TypeIndex element, std::uint64_t count) {
    types::TypeRecord array{.size = types::kUnknownSize, .count = count, .target = element};
    array.kind = types::Kind::array;
    return test_.add_type(array);
  }
  void put(std::initializer_list<std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) test_.add(Table::locations, byte);
    end_ += static_cast<std::uint8_t>(bytes.size());
  }
  std::uint8_t expression(std::initializer_list<std::uint8_t> operations) {
    const std::uint8_t at = end_;
    put({static_cast<std::uint8_t>(operations.size())});
    put(operations);
    return at;
  }
  void list_of_one(LocationKind kind, std::uint8_t value) {
    put({1, 0, 0x40, static_cast<std::uint8_t>(kind), value});  // sleb: below 64
  }
  // At the address that `place` gives, with as many counts as the type has levels without one.
  void add(std::string_view name, types::TypeIndex type, std::initializer_list<std::uint8_t> place,
           std::initializer_list<std::initializer_list<std::uint8_t>> counts) {
    const std::uint8_t at = expression(place);
    std::vector<std::uint8_t> count_at;
    for (const auto& count : counts) count_at.push_back(expression(count));
    types::VariableRecord variable;
    variable.name = test_.text(name);
    variable.type = type;
    variable.locations = end_;
    if (counts.size() != 0) variable.flags = types::kVariableSized;
    list_of_one(LocationKind::computed, at);
    if (counts.size() != 0) put({static_cast<std::uint8_t>(counts.size())});
    for (const std::uint8_t count : count_at) list_of_one(LocationKind::value, count);
    test_.add(Table::variables, variable);
    ++variables_;
  }
  std::optional<ComputedVariable> at(std::uint64_t address, std::uint64_t pc = 0x1010) {
    if (!image_) {
      types::FunctionRecord function;
      function.low = 0x1000;
      function.length = 0x100;
      function.variable_count = variables_;
      test_.add(Table::functions, function);
      const std::byte* bytes = test_.finish();
      image_ = types::Image::open(bytes, test_.size());
    }
    const Activation<Stack> activation{.memory = stack_,
                                       .registers = registers_,
                                       .range = {Address{Stack::kBegin}, Address{Stack::kCfa}},
                                       .lowest_fixed = Address{Stack::kCfa - 64},
                                       .end_of_arguments = Address{Stack::kCfa}};
    return computed_variable_at(activation, *image_, *image_->find_function(0x1000), pc,
                                Address{address});
  }

  Stack stack_;
  runt::Registers registers_{};
  types::TypeIndex number_ = 0, array_ = 0, grid_ = 0, pair_ = 0;

 private:
  types::TestImage test_;
  std::optional<types::Image> image_;
  std::uint8_t end_ = 0;
  std::uint32_t variables_ = 0;
};

TEST_F(ComputedVariableTest, AnArrayIsWhereItsSlotSaysAndAsLongAsItsCountSays) {
  add("a", array_, {kFbreg, 0x70, kDeref}, {{kFbreg, 0x68, kDeref}});
  stack_.below_cfa(16) = 0x7010;
  stack_.below_cfa(24) = 5;
  const auto found = at(0x7013);
  ASSERT_TRUE(found);
  EXPECT_EQ(raw(found->range.begin), 0x7010u);
  EXPECT_EQ(found->range.size(), 20u);
  EXPECT_FALSE(at(0x7024)) << "past its end";
  EXPECT_FALSE(at(0x7013, 0x1040)) << "out of scope";
}

TEST_F(ComputedVariableTest, RowsHaveSizesOfTheirOwn) {
  add("b", grid_, {kFbreg, 0x70, kDeref}, {{0x33}, {kFbreg, 0x68, kDeref}});  // 0x33: three
  add("c", pair_, {kFbreg, 0x60, kDeref}, {{0x35}});
  stack_.below_cfa(16) = 0x7010;
  stack_.below_cfa(24) = 4;
  stack_.below_cfa(32) = 0x7080;
  const auto b = at(0x7010);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->range.size(), 48u);
  EXPECT_EQ(b->rows.at(0), 16u);
  EXPECT_EQ(b->rows.at(1), 4u);
  const auto c = at(0x7080);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->range.size(), 40u);
  EXPECT_EQ(c->rows.at(0), 20u);
}

TEST_F(ComputedVariableTest, WhatASlotHoldsIsBelievedInsideTheFrameOnly) {
  add("a", array_, {kFbreg, 0x70, kDeref}, {{kFbreg, 0x68, kDeref}});
  stack_.below_cfa(24) = 5;
  for (const std::uint64_t wrong : {0x6FF0ull, 0x7100ull, 0ull, ~0ull, 0x70B0ull}) {
    stack_.below_cfa(16) = wrong;
    EXPECT_FALSE(at(wrong)) << std::hex << wrong;
  }
  stack_.below_cfa(16) = 0x7010;
  for (const std::uint64_t wrong : {0ull, ~0ull, 1ull << 62, 1000ull}) {
    stack_.below_cfa(24) = wrong;
    EXPECT_FALSE(at(0x7010)) << wrong;
  }
}

TEST_F(ComputedVariableTest, ARegisterThatIsNotKnownTellsNothing) {
  add("r", number_, {kBreg3, 8}, {});
  EXPECT_FALSE(at(0x7018));
  registers_.set(3, 0x7010);
  const auto found = at(0x7018);
  ASSERT_TRUE(found);
  EXPECT_EQ(raw(found->range.begin), 0x7018u);
  EXPECT_EQ(found->range.size(), 4u);
}

TEST_F(ComputedVariableTest, OfTwoNamesTheOneAroundTheOtherIsTaken) {
  add("part", number_, {kBreg3, 4}, {});
  add("whole", array_, {kBreg3, 0}, {{0x34}});
  registers_.set(3, 0x7010);
  ASSERT_TRUE(at(0x7014));
  EXPECT_EQ(at(0x7014)->range.size(), 16u);
}

TEST_F(ComputedVariableTest, TwoThatOverlapHalfwayAreNotBelieved) {
  add("a", array_, {kBreg3, 0}, {{0x34}});
  add("b", array_, {kBreg3, 8}, {{0x34}});
  registers_.set(3, 0x7010);
  EXPECT_TRUE(at(0x7010));
  EXPECT_FALSE(at(0x7018));
}

}  // namespace
}  // namespace allocs::query
