// SPDX-License-Identifier: Apache-2.0
#include "runt/rule_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace allocs::runt {
namespace {

// CFA = base + offset, return address below it, rbp at `rbp` or (0) unchanged.
elf::UnwindRule rule_of(std::uint8_t base, std::int64_t offset, std::int32_t rbp) {
  elf::UnwindRule rule;
  rule.cfa_register = base;
  rule.cfa_offset = offset;
  rule.cfa_is_expression = rule.is_signal_frame = false;
  rule.return_register = elf::kRip;
  rule.specified = 1u << elf::kRip;
  rule.how[elf::kRip] = elf::Saved::at_cfa_offset;
  rule.where[elf::kRip] = -8;
  if (rbp != 0) {
    rule.specified |= 1u << elf::kRbp;
    rule.how[elf::kRbp] = elf::Saved::at_cfa_offset;
    rule.where[elf::kRbp] = rbp;
  }
  return rule;
}

TEST(PackedRule, CommonShapesSurvivePacking) {
  for (const std::uint8_t base : {elf::kRsp, elf::kRbp}) {
    for (std::int64_t offset = 8; offset < 65536; offset += 8) {
      const auto packed = PackedRule::pack(rule_of(base, offset, offset < 256 ? -16 : 0));
      ASSERT_TRUE(packed);
      EXPECT_EQ(packed->cfa_offset(), static_cast<std::uint64_t>(offset));
      EXPECT_EQ(packed->base_is_rbp(), base == elf::kRbp);
      EXPECT_EQ(packed->rbp_offset(), offset < 256 ? 16u : 0u);
      EXPECT_FALSE(packed->is_outermost());
    }
  }
}

TEST(PackedRule, OtherShapesAreNotPacked) {
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kRsp, 65536, 0))) << "too large";
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kRsp, 0, 0)));
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kRsp, 12, 0))) << "not in words";
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kR10, 16, 0)));
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kRbp, 16, -256))) << "rbp too far away";
  EXPECT_FALSE(PackedRule::pack(rule_of(elf::kRbp, 16, 8))) << "rbp above the CFA";
  auto signal = rule_of(elf::kRsp, 16, 0);
  signal.is_signal_frame = true;
  EXPECT_FALSE(PackedRule::pack(signal));
  auto realigned = rule_of(elf::kRsp, 16, 0);
  realigned.specified |= 1u << elf::kRsp;
  realigned.how[elf::kRsp] = elf::Saved::is_cfa_offset;
  EXPECT_FALSE(PackedRule::pack(realigned));
}

TEST(PackedRule, TheOutermostFrameHasNoCaller) {
  auto rule = rule_of(elf::kRsp, 8, 0);
  rule.how[elf::kRip] = elf::Saved::undefined;
  EXPECT_TRUE(PackedRule::pack(rule)->is_outermost());
}

struct Cache {
  std::unique_ptr<RuleCache> cache = std::make_unique<RuleCache>();
};

TEST(RuleCache, GivesBackWhatWasPutInForThatPcOnly) {
  Cache c;
  const auto packed = *PackedRule::pack(rule_of(elf::kRsp, 48, -16));
  const std::uint64_t pc = 0x7F12'3456'789A;
  c.cache->insert(Address{pc}, 0, packed);
  ASSERT_TRUE(c.cache->find(Address{pc}));
  EXPECT_EQ(c.cache->find(Address{pc})->bits, packed.bits);
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_FALSE(c.cache->find(Address{pc ^ std::uint64_t{1} << bit})) << "bit " << bit;
  }
}

TEST(RuleCache, ANewGenerationForgetsEverythingForEver) {
  Cache c;
  const auto packed = *PackedRule::pack(rule_of(elf::kRsp, 48, 0));
  c.cache->insert(Address{0x1234}, 0, packed);
  for (unsigned i = 1; i <= 5000; ++i) {
    c.cache->advance_to(i);
    ASSERT_FALSE(c.cache->find(Address{0x1234})) << i;
  }
  c.cache->insert(Address{0x1234}, 4999, packed);
  EXPECT_FALSE(c.cache->find(Address{0x1234})) << "looked up before the change, stored after it";
}

TEST(RuleCache, ManyGenerationsAtOnceForgetEverythingToo) {
  Cache c;
  const auto packed = *PackedRule::pack(rule_of(elf::kRsp, 48, 0));
  c.cache->insert(Address{0x1234}, 0, packed);
  c.cache->advance_to(3 << RuleCache::kGenerationBits);
  EXPECT_FALSE(c.cache->find(Address{0x1234}));
  c.cache->insert(Address{0x1234}, c.cache->generation(), packed);
  c.cache->advance_to(5);  // somebody who has counted long ago
  EXPECT_TRUE(c.cache->find(Address{0x1234}));
}

// Whoever has told of a change finds nothing from before it, also while others tell of theirs.
TEST(RuleCache, NobodyFindsRulesFromBeforeTheChangeThatItKnowsOf) {
  static constinit RuleCache cache;
  std::atomic<std::uint64_t> changes{0};
  std::atomic<long> stale{0};
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (std::uint64_t i = 0; i < 200'000; ++i) {
        if (i % 4 == number) changes.fetch_add(1);
        const std::uint64_t known = changes.load();
        cache.advance_to(known);
        if (cache.generation() < known) stale.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stale.load(), 0);
  EXPECT_EQ(cache.generation(), changes.load());
}

// A rule says when it was looked up: the count of generations, without the bits that an entry has of it. Who asks for an old count, since it slept meanwhile, may find a newer rule.
TEST(RuleCache, NobodyFindsARuleFromBeforeTheCountStartedAgain) {
  static constinit RuleCache cache;
  constexpr std::uint64_t kCounts = 20'000u << RuleCache::kGenerationBits;
  std::atomic<long> stale{0};
  const auto is_stale = [&](std::uint64_t pc, std::uint64_t generation) {
    const PackedRule rule = cache.find_or_zero(Address{pc}, generation);
    return rule.bits != 0 && rule.bits < (generation >> RuleCache::kGenerationBits) + 1;
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 2; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random{seed};
      for (std::uint64_t generation = 0; generation < kCounts; generation = cache.generation()) {
        const std::uint64_t pc = 0x7F00'0000'0000 + random() % 64;
        cache.insert(Address{pc}, generation,
                     PackedRule{(generation >> RuleCache::kGenerationBits) + 1});
        if (is_stale(0x7F00'0000'0000 + random() % 64, cache.generation())) stale.fetch_add(1);
      }
    });
  }
  for (std::uint64_t count = 1; count <= kCounts; ++count) {
    cache.advance_to(count);
    if (is_stale(0x7F00'0000'0000 + count * 7 % 64, count)) stale.fetch_add(1);
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stale.load(), 0);
}

// Every thread stores, for random pcs, the one rule that belongs to the pc, and checks whatever it finds.
TEST(RuleCache, ManyThreadsNeverSeeAnothersRule) {
  static constinit RuleCache cache;
  std::atomic<long> found{0}, wrong{0};
  const auto rule_for = [](std::uint64_t pc) {
    return PackedRule{((pc * 0x9E3779B97F4A7C15u) >> 46 & 0x3FFFF) | 1};
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random{seed};
      for (int i = 0; i < 1'000'000; ++i) {
        const std::uint64_t pc = 0x7F00'0000'0000 + (random() % 30'000) * 37;
        if (const auto rule = cache.find(Address{pc})) {
          found.fetch_add(1, std::memory_order_relaxed);
          if (rule->bits != rule_for(pc).bits) wrong.fetch_add(1);
        } else {
          cache.insert(Address{pc}, cache.generation(), rule_for(pc));
        }
        if (seed == 0 && i % 2000 == 0) cache.advance_to(cache.generation() + 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(found.load(), 10'000);
}

}  // namespace
}  // namespace allocs::runt
