// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/frame_layout.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "types/test_image.h"
#include "types/type_hash.h"

namespace allocs::query {
namespace {

using types::LocationKind;
using types::Table;

// One function at 0x1000 of 0x100 bytes; its variables are 4 bytes each.
class FrameLayoutTest : public testing::Test {
 protected:
  struct Piece {
    std::uint8_t gap, length;
    LocationKind kind;
    std::int8_t value;  // in [-64, 64): one byte of sleb
  };

  void add_variable(std::string_view name, const std::vector<Piece>& pieces) {
    types::VariableRecord variable;
    variable.name = test_.text(name);
    variable.type = 0;
    variable.locations = locations_;
    const auto put = [&](std::uint8_t byte) {
      test_.add(Table::locations, byte);
      ++locations_;
    };
    put(static_cast<std::uint8_t>(pieces.size()));
    for (const Piece& piece : pieces) {
      put(piece.gap);
      put(piece.length);
      put(static_cast<std::uint8_t>(piece.kind));
      put(static_cast<std::uint8_t>(piece.value) & 0x7F);
    }
    test_.add(Table::variables, variable);
    ++variables_;
  }

  const Object& object() {
    if (object_.image) return object_;
    types::TypeRecord integer{
        .hash = types::hash_of_base(5, 4, 0, 0), .size = 4, .name = test_.text("int$32")};
    integer.kind = types::Kind::base;
    test_.add_type(integer);
    types::FunctionRecord function;
    function.low = 0x1000;
    function.length = 0x100;
    function.name = test_.text("main");
    function.unit = test_.text("./test.c");
    function.variable_count = variables_;
    test_.add(Table::functions, function);
    const std::byte* bytes = test_.finish();
    object_.image = types::Image::open(bytes, test_.size());
    slots_ = std::vector<std::atomic<uniqtype*>>(1);
    object_.slots = slots_;
    return object_;
  }
  FrameLayout at(std::uint64_t pc, std::int64_t depth = 64, bool has_fp = true) {
    const types::Image& image = *object().image;
    return frame_layout(image, *image.find_function(pc), pc,
                        {.sp = -depth, .fp = -16, .has_fp = has_fp});
  }
  std::string range(const FrameLayout& layout) {
    char text[200];
    TextWriter out(text, sizeof(text));
    put_frame_name(out, *object().image, *object().image->find_function(0x1000), layout);
    return text;
  }

  types::TestImage test_;
  Object object_;
  std::vector<std::atomic<uniqtype*>> slots_;
  std::uint32_t locations_ = 0;
  std::uint32_t variables_ = 0;
};

TEST_F(FrameLayoutTest, TheExampleOfTheEssay) {
  add_variable("x", {{0x10, 0x40, LocationKind::memory, -24}});
  add_variable("i", {{0x20, 0x20, LocationKind::memory, -28}});
  EXPECT_EQ(range(at(0x1030)), "$2e$2ftest$2ecmain_vaddrs_0x1020_0x1040");
  EXPECT_EQ(at(0x1030).low, -28);
  EXPECT_EQ(range(at(0x1044)), "$2e$2ftest$2ecmain_vaddrs_0x1040_0x1050");
  EXPECT_EQ(at(0x1044).low, -24);
  EXPECT_EQ(range(at(0x1005)), "$2e$2ftest$2ecmain_vaddrs_0x1000_0x1010");
  EXPECT_EQ(at(0x1005).size(), 0u);
}

TEST_F(FrameLayoutTest, WhatIsInARegisterIsNotPartOfTheFrame) {
  add_variable("r",
               {{0, 0x40, LocationKind::in_register, 3}, {0, 0x40, LocationKind::memory, -32}});
  EXPECT_EQ(at(0x1010).size(), 0u);
  EXPECT_EQ(at(0x1050).low, -32);
}

TEST_F(FrameLayoutTest, ArgumentsOnTheStackReachAboveTheCanonicalFrameAddress) {
  add_variable("argument", {{0, 0x7F, LocationKind::memory, 8}});
  EXPECT_EQ(at(0x1010).low, 0);
  EXPECT_EQ(at(0x1010).high, 12);
}

TEST_F(FrameLayoutTest, ARealignedFrameCountsFromTheStackPointer) {
  add_variable("aligned", {{0, 0x7F, LocationKind::memory_at_sp, 16}});
  EXPECT_EQ(at(0x1010, 64).low, -48);
  EXPECT_EQ(at(0x1010, 96).low, -80);
  EXPECT_TRUE(at(0x1010).depends_on_registers);
}

TEST_F(FrameLayoutTest, OrFromTheFramePointer) {
  add_variable("aligned", {{0, 0x7F, LocationKind::memory_at_fp, -40}});
  EXPECT_EQ(at(0x1010).low, -56);
}

TEST_F(FrameLayoutTest, WhereTheFramePointerIsNotKnownAnotherFrameMayHaveMore) {
  add_variable("aligned", {{0, 0x40, LocationKind::memory_at_fp, -40}});
  EXPECT_EQ(at(0x1010, 64, false).size(), 0u);
  EXPECT_TRUE(at(0x1010, 64, false).depends_on_registers);
  EXPECT_FALSE(at(0x1050, 64, false).depends_on_registers);
}

TEST_F(FrameLayoutTest, AFrameTypeIsMadeOnceAndOnlyWhenThatIsAllowed) {
  add_variable("b", {{0, 0x7F, LocationKind::memory, -20}});
  add_variable("a", {{0, 0x7F, LocationKind::memory, -32}});
  const auto interner = std::make_unique<types::Interner>();
  interner->open({.allocate = [](std::size_t size) { return std::calloc(1, size); }});
  const auto take = [](std::size_t size) { return std::calloc(1, size); };
  const auto give_back = [](void* memory, std::size_t) { std::free(memory); };
  TypeMaker types{.interner = interner.get(), .scratch = {take, give_back}, .may_make = false};
  const types::FunctionRecord& function = *object().image->find_function(0x1000);
  EXPECT_EQ(frame_type(types, object(), function, at(0x1010)), nullptr);
  types.may_make = true;
  uniqtype* made = frame_type(types, object(), function, at(0x1010));
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(frame_type(types, object(), function, at(0x1030)), made);
  EXPECT_EQ(made->pos_maxoff, 32u);
  EXPECT_STREQ(UNIQTYPE_COMPOSITE_SUBOBJ_NAMES(made)[0], "a");
  EXPECT_EQ(made->related[1].un.memb.off, 12u);
}

TEST_F(FrameLayoutTest, DamagedLocationsEndTheList) {
  test_.add(Table::locations, std::uint8_t{0xFF});  // a count that does not end
  types::VariableRecord variable;
  variable.type = 0;
  test_.add(Table::variables, variable);
  variable.locations = 4000000000u;
  test_.add(Table::variables, variable);
  variables_ = 2;
  EXPECT_EQ(at(0x1010).size(), 0u);
}

}  // namespace
}  // namespace allocs::query
