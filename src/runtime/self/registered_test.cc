// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/registered.h"

#include <gtest/gtest.h>

#include <string>

#include "runt/self.h"
#include "runtime/allocators/wrappers.h"

// No hooks are here, nor calls of theirs.
namespace allocs::allocators {
bool is_wrapper_site(index::ModuleRecord&, std::uint64_t) { return false; }
bool is_site_of_constant(index::ModuleRecord&, std::uint64_t) { return false; }
}  // namespace allocs::allocators

// Allocators that nest, over a pool of 256 bytes. What the run time itself registers so never fails inside; an allocator whose allocations hold smaller ones may.
namespace allocs::self {
namespace {

using query::Answer;

struct Nest {
  std::size_t least = 1;     // no allocation is smaller
  std::size_t wrong_at = 0;  // in one of this size `error` is what lies there
  int error = ALLOC_E_BEING_RESIZED;
  bool stays = false;  // what lies in an allocation is that allocation
};

// Halves, in which halves lie, and so on.
int find_half(void* context, const alloc_info* parent, const void* at, unsigned,
              alloc_info* child) {
  const auto& nest = *static_cast<const Nest*>(context);
  const auto* const begin = static_cast<const char*>(parent->base);
  if (parent->size == nest.wrong_at) return nest.error;
  const std::size_t size = nest.stays ? parent->size : parent->size / 2;
  if (size < nest.least) return ALLOC_E_NOTHING_THERE;
  child->size = size;
  child->base = static_cast<const char*>(at) >= begin + size ? begin + size : begin;
  return ALLOC_OK;
}

class Registered : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 256;

  // What is told of the pool's last byte.
  std::string leaf_with(const Nest& nest, bool nests) {
    // Allocators stay registered.
    struct Made {
      Nest nest;
      allocator which{"halves"};
      alloc_protocol protocol{};
      char memory[kSize] = {};
    };
    auto& made = *new Made{};
    made.nest = nest;
    made.protocol.size = sizeof made.protocol;
    made.protocol.context = &made.nest;
    made.protocol.find = made.protocol.next = find_half;
    EXPECT_EQ(register_allocator(&made.which, &made.protocol, nests), ALLOC_OK);
    const Address begin = address_of(made.memory);
    Answer host = Answer::of(query::Allocator::static_symbol, {begin, begin + kSize}, 0);
    alloc_info info{};
    info.base = made.memory;
    info.size = kSize;
    EXPECT_EQ(promote(host, info, &made.which), ALLOC_OK);
    const auto here = runt::current_registers();
    const SelfProcess process(SelfProcess::Mode::no_wait, here);
    prefer_nested(process, begin + (kSize - 1), host);
    EXPECT_EQ(demote(begin), ALLOC_OK);
    if (host.error != ALLOC_OK) return "error " + std::to_string(host.error);
    return (host.owner == &made.which ? "" : "not its, ") + std::to_string(host.range.size());
  }
};

TEST_F(Registered, AnAllocatorThatNestsIsAskedDownToTheLeafHoweverDeep) {
  EXPECT_EQ(leaf_with({.least = 100}, true), "128");
  EXPECT_EQ(leaf_with({.least = 16}, true), "16");
  EXPECT_EQ(leaf_with({.least = 1}, true), "1");
}

TEST_F(Registered, AnotherIsAskedOnce) { EXPECT_EQ(leaf_with({.least = 1}, false), "128"); }

TEST_F(Registered, WhereWhatLiesInAnAllocationCannotBeToldNeitherIsTheLeaf) {
  EXPECT_EQ(leaf_with({.wrong_at = 256}, true), "error -6");
  EXPECT_EQ(leaf_with({.wrong_at = 128}, true), "error -6");
  EXPECT_EQ(leaf_with({.wrong_at = 4}, true), "error -6");
  EXPECT_EQ(leaf_with({.wrong_at = 128, .error = ALLOC_E_CONFLICT}, true), "error -9");
  EXPECT_EQ(leaf_with({.wrong_at = 128, .error = ALLOC_E_NOTHING_THERE}, true), "128");
}

TEST_F(Registered, WhatWouldLieInItselfContradictsItself) {
  EXPECT_EQ(leaf_with({.stays = true}, true), "error -9");
}

TEST_F(Registered, WhileAPoolIsEditedWhatLiesInItIsNotToldAndThenItLiesWhereItIsNow) {
  static allocator which{"edited halves"};
  static Nest nest{.least = 100};
  static alloc_protocol protocol{};
  static char memory[3 * kSize];
  protocol.size = sizeof protocol;
  protocol.context = &nest;
  protocol.find = protocol.next = find_half;
  ASSERT_EQ(register_allocator(&which, &protocol), ALLOC_OK);
  const Address begin = address_of(memory);
  const Answer host =
      Answer::of(query::Allocator::static_symbol, {begin, begin + sizeof memory}, 0);
  Answer pool = host;
  pool.range.end = begin + kSize;
  alloc_info info{};
  info.base = memory;
  info.size = kSize;
  EXPECT_EQ(PoolEdit(pool).error(), ALLOC_E_NO_SUCH_OPERATION);
  ASSERT_EQ(promote(pool, info, &which), ALLOC_OK);
  const auto here = runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::no_wait, here);
  const auto told_at = [&](std::uint64_t offset) {
    Answer answer = host;
    prefer_nested(process, begin + offset, answer);
    return answer.error != ALLOC_OK ? "error " + std::to_string(answer.error)
                                    : std::to_string(answer.range.begin - begin) + "+" +
                                          std::to_string(answer.range.size());
  };
  EXPECT_EQ(told_at(200), "128+128");
  {
    PoolEdit edit(pool);
    EXPECT_EQ(edit.error(), ALLOC_OK);
    EXPECT_EQ(told_at(200), "error -6");
    EXPECT_EQ(PoolEdit(pool).error(), ALLOC_E_NOT_YET);
    EXPECT_EQ(demote(begin), ALLOC_E_BEING_RESIZED);
  }
  EXPECT_EQ(told_at(200), "128+128");
  {
    PoolEdit edit(pool);
    edit.set_range({begin + kSize, begin + 3 * kSize});
  }
  EXPECT_EQ(told_at(200), "0+768");
  EXPECT_EQ(told_at(700), "512+256");
  EXPECT_EQ(demote(begin + kSize), ALLOC_OK);
}

}  // namespace
}  // namespace allocs::self
