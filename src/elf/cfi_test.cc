// SPDX-License-Identifier: Apache-2.0
#include "elf/cfi.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>
#include <vector>

namespace allocs::elf {
namespace {

constexpr std::uint64_t kFunction =
    0x1000;  // where the function of every test begins; it has 0x100 bytes

using Bytes = std::vector<std::uint8_t>;

// A CIE with absolute pointers, code alignment 1, data alignment -8 and return address in rip at CFA-8, CFA rsp+8.
Bytes common_entry(Bytes more = {}, const char* augmentation = "", Bytes data = {}) {
  Bytes bytes{0, 0, 0, 0, 1};
  for (const char* c = augmentation; *c; ++c) bytes.push_back(static_cast<std::uint8_t>(*c));
  bytes.push_back(0);
  for (const std::uint8_t b : {0x01, 0x78, 0x10}) bytes.push_back(b);
  bytes.insert(bytes.end(), data.begin(), data.end());
  for (const std::uint8_t b : {0x0C, 0x07, 0x08, 0x90, 0x01}) bytes.push_back(b);
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

Bytes function_entry(const Bytes& instructions) {
  Bytes bytes{4, 0, 0, 0};
  for (const std::uint64_t word : {kFunction, std::uint64_t{0x100}}) {
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  }
  bytes.insert(bytes.end(), instructions.begin(), instructions.end());
  return bytes;
}

FrameRecord record(const Bytes& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), Address{0x9000}};
}

// The rule at `offset` in a function with these instructions. Keeps the bytes alive, for the expressions.
struct Rule {
  Bytes common, function;
  std::optional<UnwindRule> rule;
};
Rule rule_at(std::uint64_t offset, const Bytes& instructions,
             const Bytes& common = common_entry()) {
  Rule result{common, function_entry(instructions), {}};
  result.rule =
      unwind_rule_of(record(result.common), record(result.function), Address{kFunction + offset});
  return result;
}

void expect_saved(const Rule& rule, Register which, Saved how, std::int32_t offset) {
  ASSERT_TRUE(rule.rule.has_value());
  EXPECT_EQ(rule.rule->how_saved(which), how);
  if (how != Saved::unspecified) {
    EXPECT_EQ(rule.rule->where[which], offset);
  }
}

// push rbp; mov rbp, rsp; ...; leave; ret
const Bytes kFramePointerFunction{0x41, 0x0E, 0x10, 0x86, 0x02, 0x43,
                                  0x0D, 0x06, 0x60, 0x0C, 0x07, 0x08};

TEST(Cfi, TheFirstRowIsTheCommonOne) {
  const Rule rule = rule_at(0, kFramePointerFunction);
  ASSERT_TRUE(rule.rule);
  EXPECT_EQ(rule.rule->cfa_register, kRsp);
  EXPECT_EQ(rule.rule->cfa_offset, 8);
  EXPECT_EQ(rule.rule->function, (AddressRange{Address{0x1000}, Address{0x1100}}));
  expect_saved(rule, kRip, Saved::at_cfa_offset, -8);
  expect_saved(rule, kRbp, Saved::unspecified, 0);
}

TEST(Cfi, ARowHoldsFromItsAdvanceToTheNext) {
  EXPECT_EQ(rule_at(1, kFramePointerFunction).rule->cfa_offset, 16);
  EXPECT_EQ(rule_at(3, kFramePointerFunction).rule->cfa_register, kRsp);
  EXPECT_EQ(rule_at(4, kFramePointerFunction).rule->cfa_register, kRbp);
  expect_saved(rule_at(4, kFramePointerFunction), kRbp, Saved::at_cfa_offset, -16);
  EXPECT_EQ(rule_at(0x23, kFramePointerFunction).rule->cfa_offset, 16);
  EXPECT_EQ(rule_at(0x24, kFramePointerFunction).rule->cfa_offset, 8);
  EXPECT_TRUE(rule_at(0xFF, kFramePointerFunction).rule);
}

TEST(Cfi, APcOutsideTheFunctionHasNoRule) {
  EXPECT_FALSE(rule_at(0x100, {}).rule);
  EXPECT_FALSE(rule_at(static_cast<std::uint64_t>(-1), {}).rule);
}

TEST(Cfi, AdvancesOfEverySizeCount) {
  EXPECT_EQ(rule_at(0x50, {0x02, 0x50, 0x0E, 0x20}).rule->cfa_offset, 0x20);
  EXPECT_EQ(rule_at(0x4F, {0x02, 0x50, 0x0E, 0x20}).rule->cfa_offset, 8);
  EXPECT_EQ(rule_at(0x50, {0x03, 0x50, 0x00, 0x0E, 0x20}).rule->cfa_offset, 0x20);
  EXPECT_EQ(rule_at(0x50, {0x04, 0x50, 0x00, 0x00, 0x00, 0x0E, 0x20}).rule->cfa_offset, 0x20);
  EXPECT_EQ(rule_at(0x50, {0x01, 0x50, 0x10, 0, 0, 0, 0, 0, 0, 0x0E, 0x20}).rule->cfa_offset, 0x20);
}

TEST(Cfi, RememberedRowsComeBackWhole) {
  const Bytes program{0x0A, 0x0E, 0x40, 0x83, 0x03, 0x41, 0x0B, 0x41, 0x0E, 0x50};
  EXPECT_EQ(rule_at(0, program).rule->cfa_offset, 0x40);
  expect_saved(rule_at(0, program), kRbx, Saved::at_cfa_offset, -24);
  EXPECT_EQ(rule_at(1, program).rule->cfa_offset, 8);
  expect_saved(rule_at(1, program), kRbx, Saved::unspecified, 0);
  EXPECT_EQ(rule_at(2, program).rule->cfa_offset, 0x50);
}

TEST(Cfi, RememberingIsBounded) {
  EXPECT_TRUE(rule_at(0, Bytes(8, 0x0A)).rule);
  EXPECT_FALSE(rule_at(0, Bytes(9, 0x0A)).rule);
  EXPECT_FALSE(rule_at(0, {0x0B}).rule);
}

TEST(Cfi, RestoreGivesBackWhatTheCommonEntrySaid) {
  const Bytes common = common_entry({0x86, 0x05});
  expect_saved(rule_at(0, {0x86, 0x02}, common), kRbp, Saved::at_cfa_offset, -16);
  expect_saved(rule_at(0, {0x86, 0x02, 0xC6}, common), kRbp, Saved::at_cfa_offset, -40);
  expect_saved(rule_at(0, {0x86, 0x02, 0x06, 0x06}, common), kRbp, Saved::at_cfa_offset, -40);
}

TEST(Cfi, EveryWayToSaveARegister) {
  expect_saved(rule_at(0, {0x05, 0x0C, 0x04}), kR12, Saved::at_cfa_offset, -32);
  expect_saved(rule_at(0, {0x11, 0x0C, 0x7E}), kR12, Saved::at_cfa_offset, 16);
  expect_saved(rule_at(0, {0x2F, 0x0C, 0x02}), kR12, Saved::at_cfa_offset, 16);
  expect_saved(rule_at(0, {0x14, 0x0C, 0x04}), kR12, Saved::is_cfa_offset, -32);
  expect_saved(rule_at(0, {0x15, 0x0C, 0x7E}), kR12, Saved::is_cfa_offset, 16);
  expect_saved(rule_at(0, {0x09, 0x0C, 0x03}), kR12, Saved::in_register, kRbx);
  expect_saved(rule_at(0, {0x08, 0x0C}), kR12, Saved::same, 0);
  expect_saved(rule_at(0, {0x07, 0x10}), kRip, Saved::undefined, 0);
  EXPECT_TRUE(rule_at(0, {0x05, 0x17, 0x04}).rule) << "xmm6 is somebody else's business";
}

TEST(Cfi, ExpressionsAreFoundAgainInTheirRecord) {
  const Rule rule =
      rule_at(0, {0x0F, 0x02, 0x77, 0x08, 0x10, 0x03, 0x02, 0x77, 0x28, 0x16, 0x0C, 0x01, 0x31});
  ASSERT_TRUE(rule.rule);
  EXPECT_TRUE(rule.rule->cfa_is_expression);
  EXPECT_EQ(rule.rule->cfa_expression.size, 2u);
  EXPECT_EQ(rule.rule->how_saved(kRbx), Saved::at_expression);
  EXPECT_EQ(rule.rule->expression_of(kRbx).size, 2u);
  EXPECT_EQ(rule.rule->expression_of(kRbx).bytes[1], std::byte{0x28});
  EXPECT_EQ(rule.rule->how_saved(kR12), Saved::is_expression);
  EXPECT_EQ(rule.rule->expression_of(kR12).bytes[0], std::byte{0x31});

  const Rule common = rule_at(0, {}, common_entry({0x10, 0x03, 0x02, 0x77, 0x30}));
  EXPECT_EQ(common.rule->expression_of(kRbx).bytes[1], std::byte{0x30});
}

TEST(Cfi, AugmentationLettersAreUnderstoodOrRefused) {
  const Bytes data_of_function{0x00};  // the length of an empty augmentation
  EXPECT_TRUE(rule_at(0, data_of_function, common_entry({}, "zS", {0x00})).rule->is_signal_frame);
  EXPECT_TRUE(
      rule_at(0, data_of_function, common_entry({}, "zPLR", {0x07, 0x03, 1, 2, 3, 4, 0x1B, 0x00}))
          .rule);
  EXPECT_FALSE(rule_at(0, data_of_function, common_entry({}, "zX", {0x00})).rule);
  EXPECT_FALSE(rule_at(0, data_of_function, common_entry({}, "zPLR", {0x02, 0x03, 1})).rule);
  EXPECT_FALSE(rule_at(0, {}, common_entry({}, "eh")).rule);
}

TEST(Cfi, UnknownInstructionsMakeTheRuleAbsent) {
  EXPECT_FALSE(rule_at(0, {0x3F}).rule);
  EXPECT_FALSE(rule_at(0, {0x2D}).rule);
  EXPECT_FALSE(rule_at(0, {0x0C, 0x07}).rule) << "cut off";
  EXPECT_FALSE(rule_at(0, {0x0D, 0x20}).rule) << "no such register";
}

TEST(Cfi, FlippedBitsNeverCrash) {
  std::mt19937_64 random{1};
  const Bytes common =
      common_entry({0x10, 0x03, 0x02, 0x77, 0x30}, "zPLR", {0x07, 0x03, 1, 2, 3, 4, 0x1B, 0x00});
  const Bytes function =
      function_entry({0x00, 0x41, 0x0E, 0x10, 0x86, 0x02, 0x43, 0x0D, 0x06, 0x0A, 0x0F,
                      0x05, 0x77, 0x08, 0x06, 0x23, 0x08, 0x0B, 0x60, 0x0C, 0x07, 0x08});
  std::size_t with_rule = 0;
  for (int i = 0; i < 200'000; ++i) {
    Bytes damaged_common = common, damaged_function = function;
    for (std::uint64_t flips = random() % 4; flips != 0; --flips) {
      damaged_common[random() % common.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    }
    for (std::uint64_t flips = 1 + random() % 4; flips != 0; --flips) {
      damaged_function[random() % function.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    }
    damaged_function.resize(1 + random() % function.size());
    damaged_function.shrink_to_fit();
    const auto rule = unwind_rule_of(record(damaged_common), record(damaged_function),
                                     Address{kFunction + random() % 0x100});
    with_rule += rule.has_value();
  }
  RecordProperty("rules", static_cast<int>(with_rule));
}

}  // namespace
}  // namespace allocs::elf
