// SPDX-License-Identifier: Apache-2.0
#include "runt/expression.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace allocs::runt {
namespace {

using Bytes = std::vector<std::uint8_t>;

const std::uint64_t kMemory[2] = {0x1122334455667788, 0x2000};

std::optional<std::uint64_t> value_of(const Bytes& bytes, std::optional<std::uint64_t> cfa = {}) {
  Registers registers{};
  registers.set(elf::kRsp, 0x7000);
  registers.set(elf::kRip, 0x401B);
  const SpanMemory memory{Address{0x1000}, reinterpret_cast<const std::byte*>(kMemory),
                          sizeof kMemory};
  return evaluate(memory, {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()},
                  registers, cfa);
}

TEST(Expression, TheOneOfAProcedureLinkageStub) {
  // rsp + 8 + ((rip & 15) >= 11) * 8
  const Bytes plt{0x77, 0x08, 0x80, 0x00, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22};
  EXPECT_EQ(value_of(plt), 0x7010u);
}

TEST(Expression, ConstantsOfEverySize) {
  EXPECT_EQ(value_of({0x30}), 0u);
  EXPECT_EQ(value_of({0x4F}), 31u);
  EXPECT_EQ(value_of({0x08, 0xFF}), 255u);
  EXPECT_EQ(value_of({0x09, 0xFF}), ~std::uint64_t{0});
  EXPECT_EQ(value_of({0x0B, 0xFE, 0xFF}), ~std::uint64_t{1});
  EXPECT_EQ(value_of({0x0C, 1, 2, 3, 4}), 0x04030201u);
  EXPECT_EQ(value_of({0x11, 0x7F}), ~std::uint64_t{0});
}

TEST(Expression, ArithmeticIsInTheOrderOfTheStandard) {
  EXPECT_EQ(value_of({0x39, 0x33, 0x1C}), 6u);                       // 9 - 3
  EXPECT_EQ(value_of({0x39, 0x33, 0x1B}), 3u);                       // 9 / 3
  EXPECT_EQ(value_of({0x39, 0x34, 0x1D}), 1u);                       // 9 mod 4
  EXPECT_EQ(value_of({0x31, 0x34, 0x24}), 16u);                      // 1 << 4
  EXPECT_EQ(value_of({0x09, 0xF0, 0x32, 0x26}), ~std::uint64_t{3});  // -16 >> 2
  EXPECT_EQ(value_of({0x31, 0x32, 0x33, 0x17, 0x1C}),
            ~std::uint64_t{0});                         // 1 2 3 rot: 3 1 2; 1 - 2
  EXPECT_EQ(value_of({0x31, 0x32, 0x16, 0x1C}), 1u);    // swap: 2 - 1
  EXPECT_EQ(value_of({0x31, 0x32, 0x15, 0x01}), 1u);    // pick 1
  EXPECT_EQ(value_of({0x31, 0x23, 0x90, 0x01}), 145u);  // plus_uconst 144
}

TEST(Expression, MemoryAndRegistersMustBeKnown) {
  EXPECT_EQ(value_of({0x0A, 0x00, 0x10, 0x06}), kMemory[0]);
  EXPECT_EQ(value_of({0x0A, 0x00, 0x10, 0x94, 0x02}), 0x7788u);
  EXPECT_EQ(value_of({0x0A, 0x10, 0x10, 0x06}), std::nullopt) << "behind the memory";
  EXPECT_EQ(value_of({0x92, 0x07, 0x08}), 0x7008u);
  EXPECT_EQ(value_of({0x70, 0x00}), std::nullopt) << "rax is not known";
  EXPECT_EQ(value_of({0x23, 0x08}, 0x100), 0x108u) << "the CFA is there at the start";
}

TEST(Expression, DamageIsAbsent) {
  EXPECT_EQ(value_of({}), std::nullopt);
  EXPECT_EQ(value_of({0x22}), std::nullopt);
  EXPECT_EQ(value_of({0x31, 0x30, 0x1B}), std::nullopt) << "by zero";
  EXPECT_EQ(value_of({0x0E, 1, 2}), std::nullopt) << "cut short";
  EXPECT_EQ(value_of(Bytes(33, 0x31)), std::nullopt) << "too deep";
  EXPECT_EQ(value_of({0x2F, 0, 0}), std::nullopt) << "skip";
  EXPECT_EQ(value_of({0x13}), std::nullopt);
}

TEST(Expression, RandomBytesNeverCrash) {
  std::mt19937_64 random{11};
  for (int i = 0; i < 200'000; ++i) {
    Bytes bytes(random() % 40);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    value_of(bytes, random());
  }
}

}  // namespace
}  // namespace allocs::runt
