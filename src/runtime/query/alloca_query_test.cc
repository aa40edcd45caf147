// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/alloca_query.h"

#include <gtest/gtest.h>

#include <cstring>

namespace allocs::query {
namespace {

// A stack from the stack pointer, 0x7000, to the variables at 0x7200. The head is at 0x7200, code of the function from 0x1000 to 0x10ff.
struct Stack {
  static constexpr std::uint64_t kBegin = 0x7000, kHead = 0x7200;
  std::uint64_t words[65] = {};

  const std::byte* view(Address at, std::size_t size) const {
    if (raw(at) < kBegin || raw(at) + size > kBegin + sizeof words) return nullptr;
    return reinterpret_cast<const std::byte*>(words) + (raw(at) - kBegin);
  }
  std::uint64_t& word(std::uint64_t at) { return words[(at - kBegin) / 8]; }
  void put(std::uint64_t at, types::AllocaRecord record) {
    std::memcpy(&word(at), &record, sizeof record);
  }
  // The begin of the block at `at`, 0: none.
  std::uint64_t block_at(std::uint64_t at, std::uint64_t stack_pointer = kBegin) const {
    const auto block =
        block_in_chain(*this, Address{kHead}, {Address{stack_pointer}, Address{kHead}}, Address{at},
                       [](Address site) { return raw(site) >= 0x1000 && raw(site) < 0x1100; });
    return block ? raw(block->range.begin) : 0;
  }
};

Stack two_blocks() {
  Stack stack;
  stack.put(0x7180, {.next = 0, .size = 40, .site = 0x1010, .type = 0x5000});
  stack.put(0x7100, {.next = 0x7180, .size = 96, .site = 0x1020});
  stack.word(Stack::kHead) = 0x7100;
  return stack;
}

TEST(AllocaQuery, FindsEachBlockAndNothingBetweenThem) {
  const Stack stack = two_blocks();
  EXPECT_EQ(stack.block_at(0x71a0), 0x71a0u);
  EXPECT_EQ(stack.block_at(0x71c7), 0x71a0u);
  EXPECT_EQ(stack.block_at(0x71c8), 0u);
  EXPECT_EQ(stack.block_at(0x719f), 0u);
  EXPECT_EQ(stack.block_at(0x7120), 0x7120u);
  EXPECT_EQ(stack.block_at(0x717f), 0x7120u);
  EXPECT_EQ(stack.block_at(0x70ff), 0u);
}

TEST(AllocaQuery, BelievesNothingBelowTheStackPointer) {
  const Stack stack = two_blocks();
  EXPECT_EQ(stack.block_at(0x71a0, 0x7110), 0u);
  EXPECT_EQ(stack.block_at(0x71a0, 0x7100), 0x71a0u);
}

TEST(AllocaQuery, ARecordInsideABlockOfNowIsOfThePast) {
  Stack stack = two_blocks();
  stack.put(0x7100, {.next = 0x7180, .size = 97, .site = 0x1020});
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
  EXPECT_EQ(stack.block_at(0x7120), 0x7120u);
}

TEST(AllocaQuery, DoesNotFollowChainsInCircles) {
  Stack stack = two_blocks();
  stack.put(0x7180, {.next = 0x7100, .size = 8, .site = 0x1010});
  EXPECT_EQ(stack.block_at(0x71b0), 0u);
}

TEST(AllocaQuery, DoesNotBelieveDamage) {
  Stack stack = two_blocks();
  stack.put(0x7180, {.next = 0, .size = 97, .site = 0x1010});  // reaches into the variables
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
  stack.put(0x7180, {.next = 0, .size = ~std::uint64_t{0}, .site = 0x1010});
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
  stack.put(0x7180, {.next = 0, .size = 40, .site = 0x2010});  // other code
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
  stack.put(0x7180, {.next = 0, .size = 40, .site = 0});  // none
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
  stack.word(Stack::kHead) = 0x7188;  // no place for a record
  EXPECT_EQ(stack.block_at(0x71a8), 0u);
  stack.word(Stack::kHead) = 0x71f0;
  EXPECT_EQ(stack.block_at(0x71f8), 0u);
  stack.word(Stack::kHead) = 0xFFFFFFFFFFFFFFF0;
  EXPECT_EQ(stack.block_at(0x71a0), 0u);
}

}  // namespace
}  // namespace allocs::query
