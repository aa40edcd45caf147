// SPDX-License-Identifier: Apache-2.0
#include "elf/x86_instruction.h"

#include <gtest/gtest.h>

#include <vector>

namespace allocs::elf {
namespace {

std::size_t length(std::vector<std::uint8_t> code) {
  return instruction_length(code.data(), code.size());
}
// The length, whatever follows; and that less than all of it is no instruction.
std::size_t whole(std::vector<std::uint8_t> code) {
  const std::size_t size = code.size();
  for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(instruction_length(code.data(), i), 0u) << i;
  code.insert(code.end(), 16, 0x90);
  return length(code);
}

TEST(InstructionLength, FollowsFromOpcodeAndOperand) {
  EXPECT_EQ(whole({0xC3}), 1u) << "ret";
  EXPECT_EQ(whole({0xF3, 0x0F, 0x1E, 0xFA}), 4u) << "endbr64";
  EXPECT_EQ(whole({0x48, 0x8B, 0x84, 0x24, 0x80, 0, 0, 0}), 8u) << "mov 0x80(%rsp),%rax";
  EXPECT_EQ(whole({0x8B, 0x05, 1, 2, 3, 4}), 6u) << "mov 0x4030201(%rip),%eax";
  EXPECT_EQ(whole({0x8B, 0x04, 0x25, 1, 2, 3, 4}), 7u) << "mov 0x4030201,%eax";
  EXPECT_EQ(whole({0x8B, 0x45, 0xF8}), 3u) << "mov -8(%rbp),%eax";
  EXPECT_EQ(whole({0xC8, 1, 0, 2}), 4u) << "enter $1,$2";
  EXPECT_EQ(whole({0x0F, 0x22, 0x05}), 3u) << "mov to a control register has no memory operand";
}

TEST(InstructionLength, ConstantsFollowTheOperandSize) {
  EXPECT_EQ(whole({0xB8, 1, 2, 3, 4}), 5u);
  EXPECT_EQ(whole({0x66, 0xB8, 1, 2}), 4u);
  EXPECT_EQ(whole({0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8}), 10u) << "movabs";
  EXPECT_EQ(whole({0x66, 0x48, 0x81, 0xC0, 1, 2, 3, 4}), 8u) << "REX.W is stronger";
  EXPECT_EQ(whole({0x48, 0x66, 0x81, 0xC0, 1, 2}), 6u)
      << "a REX prefix that is not the last counts not";
  EXPECT_EQ(whole({0xF7, 0xC0, 1, 2, 3, 4}), 6u) << "test";
  EXPECT_EQ(whole({0xF7, 0xD8}), 2u) << "neg";
  EXPECT_EQ(whole({0xA1, 1, 2, 3, 4, 5, 6, 7, 8}), 9u);
  EXPECT_EQ(whole({0x67, 0xA1, 1, 2, 3, 4}), 6u);
}

TEST(InstructionLength, OfVectorInstructions) {
  EXPECT_EQ(whole({0xC5, 0xF8, 0x77}), 3u) << "vzeroupper";
  EXPECT_EQ(whole({0xC4, 0xE3, 0x7D, 0x39, 0xC1, 0x01}), 6u) << "vextracti128";
  EXPECT_EQ(whole({0x62, 0xF1, 0x7C, 0x48, 0x10, 0x07}), 6u) << "vmovups (%rdi),%zmm0";
  EXPECT_EQ(whole({0x8F, 0xE8, 0x78, 0xC0, 0xC1, 0x01}), 6u) << "vprotb of XOP";
  EXPECT_EQ(length({0x66, 0xC5, 0xF8, 0x77}), 0u);
}

TEST(InstructionLength, NoneIsTold) {
  EXPECT_EQ(length({}), 0u);
  EXPECT_EQ(length({0x06}), 0u) << "push %es, of 32 bits";
  EXPECT_EQ(length({0x0F, 0x04}), 0u);
  EXPECT_EQ(length(std::vector<std::uint8_t>(16, 0x66)), 0u) << "prefixes without end";
  std::vector<std::uint8_t> padded(14, 0x66);
  padded.push_back(0x90);
  EXPECT_EQ(length(padded), 15u);
  padded.insert(padded.begin(), 0x66);
  EXPECT_EQ(length(padded), 0u) << "one byte too long";
}

}  // namespace
}  // namespace allocs::elf
