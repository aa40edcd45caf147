// SPDX-License-Identifier: Apache-2.0
#include "meta/expressions.h"

#include <dwarf.h>
#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

ExpressionBytes bytes(std::initializer_list<int> values) {
  ExpressionBytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST(ResultOf, TellsAddressesFromValues) {
  EXPECT_EQ(result_of(bytes({DW_OP_fbreg, 0x68, DW_OP_deref})), ExpressionResult::address);
  EXPECT_EQ(result_of(bytes({DW_OP_breg14, 0})), ExpressionResult::address);
  EXPECT_EQ(result_of(bytes({DW_OP_breg3, 1, DW_OP_const1u, 32, DW_OP_shl, DW_OP_stack_value})),
            ExpressionResult::value);
}

TEST(ResultOf, RefusesWhatCannotBeEvaluatedInAFrame) {
  EXPECT_EQ(result_of({}), ExpressionResult::unusable);
  EXPECT_EQ(result_of(bytes({DW_OP_addr, 0, 0, 0, 0, 0, 0, 0, 0})), ExpressionResult::unusable);
  EXPECT_EQ(result_of(bytes({DW_OP_entry_value, 1, DW_OP_reg5, DW_OP_stack_value})),
            ExpressionResult::unusable);
  EXPECT_EQ(result_of(bytes({DW_OP_reg0, DW_OP_piece, 8})), ExpressionResult::unusable);
  EXPECT_EQ(result_of(bytes({DW_OP_fbreg})), ExpressionResult::unusable) << "cut short";
  EXPECT_EQ(result_of(bytes({DW_OP_stack_value, DW_OP_lit1})), ExpressionResult::unusable);
  EXPECT_EQ(result_of(ExpressionBytes(1000, std::byte{DW_OP_nop})), ExpressionResult::unusable);
}

TEST(SteppedAddress, IsARegisterAndAMultiple) {
  // (reg1 + 100) / 48 * 48 + 24 + reg0
  const auto walk =
      stepped_address(bytes({DW_OP_breg1, 0, DW_OP_consts, 0x9C, 0x7F, DW_OP_minus, DW_OP_const1u,
                             48, DW_OP_div, DW_OP_const1u, 48, DW_OP_mul, DW_OP_lit24, DW_OP_breg0,
                             8, DW_OP_plus, DW_OP_plus, DW_OP_stack_value}));
  ASSERT_TRUE(walk);
  EXPECT_EQ(walk->reg, 0u);
  EXPECT_EQ(walk->first, 32);
  EXPECT_EQ(walk->step, 48);
  EXPECT_FALSE(stepped_address(bytes({DW_OP_breg0, 8, DW_OP_stack_value}))) << "a number";
  EXPECT_FALSE(stepped_address(bytes({DW_OP_breg0, 0, DW_OP_breg1, 0, DW_OP_plus})))
      << "any number";
  EXPECT_FALSE(stepped_address(bytes({DW_OP_breg1, 0, DW_OP_lit8, DW_OP_mul}))) << "no register";
  EXPECT_FALSE(stepped_address(
      bytes({DW_OP_breg0, 0, DW_OP_breg1, 0, DW_OP_lit8, DW_OP_mul, DW_OP_minus, DW_OP_and})))
      << "too few";
  EXPECT_FALSE(stepped_address(bytes({DW_OP_breg0, 0, DW_OP_deref}))) << "memory";
}

TEST(PiecesOf, HaveTheirPlaceInTheVariable) {
  const ExpressionBytes all = bytes({DW_OP_piece, 8, DW_OP_addrx, 1, DW_OP_piece, 4, DW_OP_addrx, 2,
                                     DW_OP_deref_size, 1, DW_OP_stack_value, DW_OP_piece, 4});
  const std::vector<ExpressionPiece> pieces = pieces_of(all);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_TRUE(pieces[0].expression.empty());
  EXPECT_EQ(pieces[1].offset, 8u);
  EXPECT_EQ(pieces[1].size, 4u);
  EXPECT_EQ(pieces[1].expression.size(), 2u);
  EXPECT_EQ(pieces[2].offset, 12u);
  EXPECT_EQ(pieces[2].expression.size(), 5u);
}

TEST(PiecesOf, AreNoneOfWhatIsNotUnderstoodToItsEnd) {
  EXPECT_TRUE(pieces_of({}).empty());
  EXPECT_TRUE(pieces_of(bytes({DW_OP_addrx, 1})).empty());
  EXPECT_TRUE(pieces_of(bytes({DW_OP_addrx, 1, DW_OP_piece, 4, DW_OP_call4, 0, 0, 0, 0})).empty());
  EXPECT_TRUE(pieces_of(bytes({DW_OP_piece, 4, DW_OP_addr, 0, 0})).empty()) << "cut short";
}

TEST(Rebased, CountsFromTheCanonicalFrameAddress) {
  const ExpressionBytes slot = bytes({DW_OP_fbreg, 0x70, DW_OP_deref});  // -16
  EXPECT_EQ(rebased(slot, {.is_cfa = true, .reg = 0, .offset = -8}),
            bytes({DW_OP_fbreg, 0x68, DW_OP_deref}));
  EXPECT_EQ(rebased(slot, {.is_cfa = false, .reg = 6, .offset = 0}),
            bytes({DW_OP_breg6, 0x70, DW_OP_deref}));
  EXPECT_EQ(rebased(bytes({DW_OP_call_frame_cfa, DW_OP_lit8, DW_OP_minus}), {}),
            bytes({DW_OP_fbreg, 0, DW_OP_lit8, DW_OP_minus}));
  EXPECT_EQ(rebased(bytes({DW_OP_breg3, 2, DW_OP_stack_value}), {}), bytes({DW_OP_breg3, 2}));
}

TEST(SumOfRegisters, KnowsOneRegisterAndANumberFromAllElse) {
  const RegisterSum plain = sum_of_registers(bytes({DW_OP_breg3, 16}));
  EXPECT_EQ(plain.registers, 1u << 3);
  EXPECT_EQ(plain.addend, 16);
  const RegisterSum two = sum_of_registers(bytes({DW_OP_breg0, 0, DW_OP_breg3, 0, DW_OP_plus}));
  EXPECT_EQ(two.registers, 1u << 3 | 1u);
  EXPECT_FALSE(two.addend);
  EXPECT_FALSE(sum_of_registers(bytes({DW_OP_breg0, 0, DW_OP_lit1, DW_OP_shl})).addend);
  EXPECT_EQ(sum_of_registers(bytes({DW_OP_breg0, 8, DW_OP_deref})).registers, 0u);
  EXPECT_EQ(sum_of_registers(bytes({DW_OP_breg3, 16, DW_OP_stack_value})).addend, 16);
  EXPECT_EQ(sum_of_registers(bytes({DW_OP_fbreg, 8})).registers, 0u);
  EXPECT_EQ(sum_of_registers(bytes({DW_OP_breg0})).registers, 0u) << "cut short";
}

TEST(ExpressionPool, KeepsEachExpressionOnce) {
  ExpressionPool pool;
  const std::uint32_t first = pool.add(cfa_plus(-16));
  const std::uint32_t second = pool.add(register_plus(14, 0));
  EXPECT_NE(first, second);
  EXPECT_EQ(pool.add(cfa_plus(-16)), first);
  EXPECT_EQ(pool.at(second), bytes({DW_OP_breg14, 0}));
  EXPECT_EQ(pool.bytes(), bytes({2, DW_OP_fbreg, 0x70, 2, DW_OP_breg14, 0}));
}

}  // namespace
}  // namespace allocs::meta
