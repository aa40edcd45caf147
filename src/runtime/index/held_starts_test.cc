// SPDX-License-Identifier: Apache-2.0
#include "runtime/index/held_starts.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "runtime/index/find_block.h"

namespace allocs::index {
namespace {

// Marks in an address space that nobody owns.
class Marks {
 public:
  explicit Marks(std::uint64_t reach) {
    root_.held_directory = address_of(directory_.data());
    root_.held_reach = reach;
  }
  void mark(std::uint64_t start) { mark_held_start(leaf(start), start); }
  void unmark(std::uint64_t start) { unmark_held_start(leaf(start), start); }
  bool is_marked(std::uint64_t at) const { return is_held_start(directory_.data(), at); }
  std::uint64_t nearest(std::uint64_t at) const {
    return HeldStartsReader(TrustedMemory{}, root_).nearest_at_or_below(at);
  }

 private:
  HeldLeaf& leaf(std::uint64_t start) {
    auto& made = leaves_[region_of(start)];
    if (made == nullptr) {
      made = std::make_unique<HeldLeaf>();
      directory_[region_of(start)] = raw(address_of(made.get()));
    }
    return *made;
  }
  std::vector<std::uint64_t> directory_ = std::vector<std::uint64_t>(kRegionCount);
  std::map<std::uint64_t, std::unique_ptr<HeldLeaf>> leaves_;
  Root root_;
};

constexpr std::uint64_t kHeap = 0x550000000000;

TEST(HeldStarts, OnlyWhatIsMarkedIsMarked) {
  Marks marks(100);
  EXPECT_FALSE(marks.is_marked(kHeap + 16));
  marks.mark(kHeap + 16);
  EXPECT_TRUE(marks.is_marked(kHeap + 16));
  EXPECT_FALSE(marks.is_marked(kHeap + 8));
  EXPECT_FALSE(marks.is_marked(kHeap + 24));
  EXPECT_FALSE(marks.is_marked(~std::uint64_t{0}));
  EXPECT_FALSE(marks.is_marked(0));
  marks.unmark(kHeap + 16);
  EXPECT_FALSE(marks.is_marked(kHeap + 16));
}

TEST(HeldStarts, TheNearestBelowIsFoundAsFarAsBlocksReach) {
  Marks marks(std::uint64_t{1} << 30);
  marks.mark(kHeap + 64);
  EXPECT_EQ(marks.nearest(kHeap + 64), kHeap + 64);
  EXPECT_EQ(marks.nearest(kHeap + 63), 0u);
  EXPECT_EQ(marks.nearest(kHeap + (std::uint64_t{1} << 30)), kHeap + 64);
  EXPECT_EQ(marks.nearest(kHeap + (std::uint64_t{1} << 31)), 0u);
}

TEST(HeldStarts, AtRandomAsAnOrderedSetSays) {
  Marks marks(std::uint64_t{3} << kRegionShift);
  std::set<std::uint64_t> expected;
  std::mt19937_64 random(7);
  const auto any = [&] {
    // Crowds and deserts, over four regions.
    const std::uint64_t spread = std::uint64_t{1} << (8 + random() % 21);
    return kHeap + (random() % spread & ~std::uint64_t{7}) % (std::uint64_t{4} << kRegionShift);
  };
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t start = any();
    if (random() % 3 == 0) {
      if (!expected.empty()) {
        const auto found = expected.lower_bound(start);
        const std::uint64_t gone = found == expected.end() ? *expected.begin() : *found;
        marks.unmark(gone);
        expected.erase(gone);
      }
    } else {
      marks.mark(start);
      expected.insert(start);
    }
    const std::uint64_t at = any() + random() % 8;
    const auto above = expected.upper_bound(at);
    ASSERT_EQ(marks.nearest(at), above == expected.begin() ? 0 : *std::prev(above));
    ASSERT_EQ(marks.is_marked(at & ~std::uint64_t{7}), expected.contains(at & ~std::uint64_t{7}));
  }
}

TEST(HeldStarts, AreVisitedInOrderWhereverTheyAreInTheirRegion) {
  const auto leaf = std::make_unique<HeldLeaf>();
  leaf->begin = kHeap >> kRegionShift << kRegionShift;
  std::vector<std::uint64_t> wanted, visited;
  for (const std::uint64_t into : {0u, 8u, 512u, 40000u, 40008u, (1u << kRegionShift) - 8})
    wanted.push_back(leaf->begin + into);
  for (const std::uint64_t start : wanted) mark_held_start(*leaf, start);
  mark_held_start(*leaf, leaf->begin + 4096);
  unmark_held_start(*leaf, leaf->begin + 4096);
  for_each_held_start(*leaf, [&](std::uint64_t start) { visited.push_back(start); });
  EXPECT_EQ(visited, wanted);
}

// A held block whose start cell free has cleared is "being resized" until it is there again.
TEST(HeldStarts, AClearedStartIsNotNothingThere) {
  constexpr std::uint64_t kLeaf = leaf_size(kCoarse);
  Root root;
  std::vector<std::uint64_t> directory(kRegionCount), held(kRegionCount);
  std::vector<std::byte> leaf(kLeaf);
  auto marks = std::make_unique<HeldLeaf>();
  root.directory = address_of(directory.data());
  root.flux_used = 1;
  const auto make_leaf = [](std::uint64_t) { return std::uint64_t{0}; };
  directory[region_of(kHeap)] = biased(raw(address_of(leaf.data())), region_of(kHeap), kCoarse);
  const ShadowWriter<kCoarse, decltype(make_leaf)> writer(directory.data(), root, make_leaf);
  const auto state_at = [&](std::uint64_t at) {
    const auto block = find_block(TrustedMemory{}, root, Address{at});
    return !block ? "nothing" : block->state == BlockState::known ? "known" : "in flux";
  };
  for (const std::uint64_t size : {24, 200, 5000}) {
    const std::uint64_t start = kHeap + 0x10000 + size * 64;
    root.held_directory = {};
    writer.insert(start, size, 7 << kSiteShift);
    EXPECT_STREQ(state_at(start + size - 1), "known");
    writer.erase(start);
    EXPECT_STREQ(state_at(start), "nothing");
    root.held_directory = address_of(held.data());
    held[region_of(start)] = raw(address_of(marks.get()));
    mark_held_start(*marks, start);
    root.held_reach = 5000;
    EXPECT_STREQ(state_at(start), "in flux");
    EXPECT_STREQ(state_at(start + size - 1), "in flux");
    EXPECT_STREQ(state_at(start + size + 40), "nothing");
    writer.insert(start, size, 7 << kSiteShift);
    EXPECT_STREQ(state_at(start + size - 1), "known");
    EXPECT_STREQ(state_at(start + size), "nothing");
    unmark_held_start(*marks, start);
    writer.erase(start);
    EXPECT_STREQ(state_at(start), "nothing");
  }
}

}  // namespace
}  // namespace allocs::index
