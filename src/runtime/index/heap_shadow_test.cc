// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "runtime/index/shadow_test.h"
#include "runtime/index/walk_blocks.h"

namespace allocs::index {
namespace {

std::uint64_t base_at(auto& shadow, std::uint64_t a) {
  const auto block = shadow.find(a);
  return block ? raw(block->base) : 0;
}

TEST(HeapShadow, AnEmptyOneKnowsNothing) {
  const Root shut{};
  EXPECT_FALSE(find_block(TrustedMemory{}, shut, Address{kHere}));
  Coarse shadow;
  for (std::uint64_t a : {0ul, 1ul, kHere, (1ul << 47) - 1, 1ul << 47, ~0ul})
    EXPECT_FALSE(shadow.find(a));
}

TEST(HeapShadow, ABlockContainsItsBytesAndNothingElse) {
  for (std::uint64_t size : {1, 8, 60, 61, 100, 1023, 1024, 1025, 5000, 1 << 20}) {
    Coarse shadow;
    shadow.insert(kHere, size);
    EXPECT_EQ(base_at(shadow, kHere), kHere) << size;
    EXPECT_EQ(base_at(shadow, kHere + size - 1), kHere) << size;
    EXPECT_EQ(base_at(shadow, kHere - 1), 0) << size;
    EXPECT_EQ(base_at(shadow, kHere + size), 0) << size;
    EXPECT_EQ(shadow.find(kHere + size / 2)->size, size);
    EXPECT_EQ(shadow.find(kHere)->site, 7);
    shadow.erase(kHere);
    EXPECT_EQ(base_at(shadow, kHere + size / 2), 0) << size;
  }
}

constexpr std::uint64_t kBorder = 0x7f1234000000;  // of two regions

TEST(HeapShadow, ABlockReachesIntoARegionWithoutBlocks) {
  for (std::uint64_t before : {0x10, 0x20, 0x200, 0x3f0, 0x400, 0x1000, 0x50000}) {
    for (std::uint64_t beyond : {1, 15, 16, 17, 31, 33, 600, 1023, 1024, 1025, 0x30001}) {
      Coarse shadow;
      const std::uint64_t start = kBorder - before;
      shadow.insert(start, before + beyond);
      for (const std::uint64_t a :
           {kBorder - 1, kBorder, kBorder + beyond / 2, kBorder + beyond - 1})
        EXPECT_EQ(base_at(shadow, a), start) << std::hex << before << " " << beyond << " " << a;
      EXPECT_EQ(base_at(shadow, kBorder + beyond), 0) << std::hex << before << " " << beyond;
    }
  }
}

TEST(HeapShadow, ABlockWhoseEndHasNoLeafIsCounted) {
  Coarse shadow;
  shadow.refuse(region_of(kBorder));
  shadow.insert(kBorder - 0x1010, 0x1000);  // ends before it
  EXPECT_EQ(shadow.root().counters.blocks_without_leaf, 0);
  shadow.insert(kBorder - 0x10, 0x10000);
  EXPECT_EQ(shadow.root().counters.blocks_without_leaf, 1);
  EXPECT_EQ(base_at(shadow, kBorder - 1), kBorder - 0x10);
  EXPECT_EQ(base_at(shadow, kBorder + 0x8000), 0);  // so who asks is told that blocks are missing
}

TEST(HeapShadow, ABlockOfNoBytesContainsItsFirst) {
  Coarse shadow;
  shadow.insert(kHere, 0);
  EXPECT_EQ(base_at(shadow, kHere), kHere);
  EXPECT_EQ(shadow.find(kHere)->size, 0);
  EXPECT_EQ(base_at(shadow, kHere + 1), 0);
}

TEST(HeapShadow, TheLargestBlocksWork) {
  for (unsigned bits : {32, 33, 34, 41, 42, 46}) {
    Coarse shadow;
    const std::uint64_t size = (1ul << bits) + 12345;
    for (std::uint64_t start : {0x10010ul, 0x7fffff0ul, 0x3fffe0ul, 0x400000010ul}) {
      shadow.insert(start, size);
      std::mt19937_64 random(bits);
      for (int i = 0; i < 20000; ++i) {
        ASSERT_EQ(base_at(shadow, start + random() % size), start) << bits;
        ASSERT_EQ(base_at(shadow, start + size - 1 - (random() % size >> random() % 40)), start);
      }
      EXPECT_EQ(shadow.find(start + size - 1)->size, size);
      EXPECT_EQ(base_at(shadow, start + size), 0);
      shadow.erase(start);
      EXPECT_EQ(base_at(shadow, start + size / 2), 0);
    }
  }
}

TEST(HeapShadow, SizeCellsAndBoundariesMayMeet) {
  for (std::uint64_t below : {16, 32, 48, 64, 80}) {
    for (std::uint64_t boundary : {0x7f1200000000ul, 0x7f1234560000ul, 0x7f1234567c00ul}) {
      for (std::uint64_t size : {1024ul, 4096ul, 70000ul, 1ul << 22, 1ul << 30, 3ul << 30}) {
        Coarse shadow;
        const std::uint64_t start = boundary - below;
        shadow.insert(start, size);
        for (std::uint64_t at = 0; at < size; at += size / 257 + 1) {
          ASSERT_EQ(base_at(shadow, start + at), start) << below << " " << size << " " << at;
        }
        ASSERT_EQ(shadow.find(start + size - 1)->size, size);
        ASSERT_EQ(base_at(shadow, start + size), 0);
      }
    }
  }
}

TEST(HeapShadow, TheNextBlockMayShareABoundarysCell) {
  Coarse shadow;
  const std::uint64_t boundary = 0x7f1234568000;
  const std::uint64_t start = boundary - 0x4000;
  shadow.insert(start, 0x4000 + 8);
  shadow.insert(boundary + 16, 5000, 9);
  for (std::uint64_t a = boundary; a < boundary + 8; ++a) EXPECT_EQ(base_at(shadow, a), start);
  EXPECT_EQ(base_at(shadow, boundary + 8), 0);
  EXPECT_EQ(base_at(shadow, boundary + 16), boundary + 16);
}

// Pages that have been touched. A walk that touches all pages of 32 MiB for each huge block takes minutes.
struct TouchedPages {
  std::uint64_t pages_with_leaves(std::uint64_t) const { return ~std::uint64_t{0}; }
  template <typename Visit>
  bool for_each_used_run(AddressRange range, Visit&& visit) const {
    constexpr std::uint64_t kPage = 4096;
    const Address first{raw(range.begin) & ~(kPage - 1)};
    std::vector<unsigned char> is_there((raw(range.end) - raw(first) + kPage - 1) / kPage);
    EXPECT_EQ(
        mincore(reinterpret_cast<void*>(raw(first)), is_there.size() * kPage, is_there.data()), 0);
    for (std::size_t i = 0; i < is_there.size(); ++i) {
      if ((is_there[i] & 1) == 0) continue;
      const Address page = first + i * kPage;
      if (!visit(AddressRange{std::max(page, range.begin), std::min(page + kPage, range.end)}))
        return false;
    }
    return true;
  }
};

// Where an allocator puts a block that is to start at `at` or above, and how much room it takes.
struct Place {
  std::uint64_t start, room;
};
Place of_glibc(std::uint64_t at, std::uint64_t size) {
  return {at, std::max<std::uint64_t>((size + 8 + 15) & ~15ul, 32)};
}
Place at_eights(std::uint64_t at, std::uint64_t size) {
  return {at, std::max<std::uint64_t>((size + 7) & ~7ul, 8)};
}
// As malloc must: what has room for a number of 16 bytes is aligned to 16.
Place without_heads(std::uint64_t at, std::uint64_t size) {
  if (size <= 8) return {at, 8};
  return {(at + 15) & ~15ul, (size + 15) & ~15ul};
}

// Blocks side by side, as tightly as the allocator would put them, with now and then a gap.
template <typename Shadow>
void compare_with_a_map(std::uint64_t seed, unsigned largest_bits, std::uint64_t first, int steps,
                        Place (*place)(std::uint64_t, std::uint64_t)) {
  Shadow shadow;
  std::map<std::uint64_t, std::uint64_t> model;
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> places;
  long asked = 0;
  long wrong = 0;
  auto check = [&](std::uint64_t a) {
    ++asked;
    auto it = model.upper_bound(a);
    std::uint64_t expected = 0;
    std::uint64_t size = 0;
    if (it != model.begin()) {
      --it;
      if (a == it->first || a - it->first < it->second) std::tie(expected, size) = *it;
    }
    const auto got = shadow.find(a);
    const bool right = expected == 0 ? !got
                                     : got && raw(got->base) == expected && got->size == size &&
                                           got->site == (expected >> 3) % kMaximumSite + 1;
    if (!right && ++wrong < 5) {
      ADD_FAILURE() << std::hex << a << " expected " << expected << "+" << size << " got "
                    << (got ? raw(got->base) : 0) << "+" << (got ? got->size : 0);
    }
  };
  for (int round = 0; round < 4; ++round) {
    std::uint64_t at = first;
    for (const auto& [start, size] : model) shadow.erase(start);
    model.clear();
    for (int i = 0; i < steps && at < (1ul << 47) - (1ul << 20); ++i) {
      const std::uint64_t size = random() % (1ul << random() % (largest_bits + 1));
      if (random() % 8 == 0) at += (random() % 4096) & ~15ul;
      if (random() % 8 == 0) at += (1ul << random() % 20) & ~15ul;
      const auto [start, room] = place(at, size);
      at = start;
      if (at + size >= (1ul << 47)) break;
      shadow.insert(at, size, (at >> 3) % kMaximumSite + 1);
      model[at] = size;
      at += room;
      if (random() % 4 == 0 && !model.empty()) {
        auto it = model.lower_bound(first + random() % (at - first));
        if (it != model.end()) {
          shadow.erase(it->first);
          model.erase(it);
        }
      }
    }
    for (const auto& [start, size] : model) {
      for (int i = 0; i < 12; ++i) check(start + (size == 0 ? 0 : random() % size));
      for (std::uint64_t edge :
           {start - 1, start, start + 1, start + size - 1, start + size, start + size + 9}) {
        check(edge);
      }
      for (unsigned k = 10; k < 40; k += 3)
        check(((start + (size == 0 ? 0 : random() % size)) >> k << k) + random() % 24);
    }
    auto next = model.begin();
    EXPECT_TRUE(for_each_block(
        TrustedMemory{}, shadow.root(),
        [&](const Block& block) {
          const bool is_next = next != model.end() && raw(block.base) == next->first &&
                               block.size == next->second &&
                               block.site == (next->first >> 3) % kMaximumSite + 1;
          EXPECT_TRUE(is_next) << std::hex << raw(block.base) << "+" << block.size;
          if (is_next) ++next;
          return is_next;
        },
        TouchedPages{}));
    EXPECT_TRUE(next == model.end());
  }
  EXPECT_EQ(wrong, 0);
  testing::Test::RecordProperty("asked", std::to_string(asked));
  EXPECT_GT(asked, 1000);
}

// ThreadSanitizer keeps four words for each word of the index, and never gives them back: 23 GiB for the largest blocks.
#ifdef __SANITIZE_THREAD__
constexpr bool kHasMemoryForLargeBlocks = false;
#else
constexpr bool kHasMemoryForLargeBlocks = true;
#endif

TEST(HeapShadow, AgreesWithAMapOverSmallBlocks) {
  compare_with_a_map<Coarse>(1, 9, 0x7f0000000010, 60000, of_glibc);
}
TEST(HeapShadow, AgreesWithAMapOverMixedBlocks) {
  compare_with_a_map<Coarse>(2, 18, 0x555555559010, 30000, of_glibc);
}
TEST(HeapShadow, AgreesWithAMapOverLargeBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<Coarse>(3, 32, 0x10000010, 400, of_glibc);
}
TEST(HeapShadow, AgreesWithAMapOverHugeBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<Coarse>(4, 43, 0x100000010, 120, of_glibc);
}
TEST(HeapShadow, AgreesWithAMapOverSmallFineBlocks) {
  compare_with_a_map<Fine>(5, 8, 0x7f0000000008, 60000, at_eights);
}
TEST(HeapShadow, AgreesWithAMapOverMixedFineBlocks) {
  compare_with_a_map<Fine>(6, 20, 0x7f0000000008, 10000, at_eights);
}
TEST(HeapShadow, AgreesWithAMapOverHugeFineBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<Fine>(7, 40, 0x100000008, 60, at_eights);
}
TEST(HeapShadow, AgreesWithAMapOverBlocksOfAnotherMalloc) {
  compare_with_a_map<Foreign>(8, 7, 0x7f0000000008, 60000, without_heads);
  compare_with_a_map<Foreign>(9, 18, 0x7f0000000008, 20000, without_heads);
}
TEST(HeapShadow, AgreesWithAMapOverBlocksOfAMallocThatDoesNotAlign) {
  compare_with_a_map<Foreign>(10, 7, 0x7f0000000008, 60000, at_eights);
  compare_with_a_map<Foreign>(11, 18, 0x7f0000000008, 20000, at_eights);
}
TEST(HeapShadow, AgreesWithAMapOverHugeBlocksOfAnotherMalloc) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<Foreign>(12, 40, 0x100000008, 60, without_heads);
}

// Without a head in between, the next block may start just behind the boundary's cell's first half.
TEST(HeapShadow, ABlockMayEndInTheMiddleOfABoundarysCell) {
  const std::uint64_t boundary = 0x7f1234568000;
  for (const std::uint64_t beyond : {1, 15, 16, 17, 31, 32, 33}) {
    Foreign shadow;
    const std::uint64_t start = boundary - 0x4000;
    const std::uint64_t next = boundary + ((beyond + 15) & ~15ul);
    shadow.insert(start, 0x4000 + beyond);
    shadow.insert(next, 32, 9);
    for (std::uint64_t a = boundary - 2; a < boundary + beyond; ++a)
      EXPECT_EQ(base_at(shadow, a), start) << beyond;
    EXPECT_EQ(base_at(shadow, next), next) << beyond;
  }
}

TEST(HeapShadow, ASmallBlockIsNotHiddenByALargeOneThatReachedThere) {
  Foreign shadow;
  shadow.insert(kHere, 100000);  // and given back in a way that nobody sees
  const std::uint64_t small = kHere + 0x4008;
  shadow.insert(small, 16, 9);
  EXPECT_EQ(base_at(shadow, small + 5), small);
}

TEST(HeapShadow, AWalkOverAnotherMallocLooksNoFurtherThanTheNextBlock) {
  Foreign shadow;
  for (std::uint64_t i = 0; i < 1000; ++i) shadow.insert(kHere + i * 48, 48);
  shadow.insert(kHere + 1000 * 48, 8);
  struct CountingMemory {
    long* loads;
    const std::byte* view(Address at, std::size_t) const {
      ++*loads;
      return reinterpret_cast<const std::byte*>(raw(at));
    }
  };
  long loads = 0;
  const auto next = first_block_in(CountingMemory{&loads}, shadow.root(), Address{kHere + 1},
                                   Address{kHere + 0x1000000});
  ASSERT_TRUE(next);
  EXPECT_EQ(raw(next->base), kHere + 48);
  EXPECT_LT(loads, 30);
}

// What a hook leaves of a block that was not had.
TEST(HeapShadow, AWalkPassesOverTheFirstCells) {
  const auto check = [](auto& shadow) {
    shadow.insert(0, 24);
    shadow.insert(raw(kLowestHeapAddress), 24);
    int seen = 0;
    for_each_block(TrustedMemory{}, shadow.root(), [&](const Block& block) {
      EXPECT_EQ(block.base, kLowestHeapAddress);
      return ++seen < 10;
    });
    EXPECT_EQ(seen, 1);
  };
  Coarse coarse;
  check(coarse);
  Fine fine;
  check(fine);
  Foreign foreign;
  foreign.insert(raw(kLowestHeapAddress) + 0x1000, 8);
  foreign.erase(raw(kLowestHeapAddress) + 0x1000);
  check(foreign);
}

TEST(HeapShadow, ASmallBlockIsNotHiddenByALargerOneThatWentUnseen) {
  Foreign shadow;
  shadow.insert(kHere, 40);  // and given back in a way that nobody sees
  shadow.insert(kHere, 16, 9);
  EXPECT_EQ(shadow.find(kHere)->size, 16);
  EXPECT_EQ(base_at(shadow, kHere + 20), 0);
  shadow.erase(kHere);
  EXPECT_EQ(base_at(shadow, kHere), 0);
}

TEST(HeapShadow, TheFirstBlockFromAPlaceOnIsFound) {
  const auto check = [](auto& shadow) {
    const auto first = [&](std::uint64_t from, std::uint64_t end) {
      const auto block =
          first_block_in(TrustedMemory{}, shadow.root(), Address{from}, Address{end});
      return block ? raw(block->base) : 0;
    };
    constexpr std::uint64_t kFar = kHere + (std::uint64_t{3} << kRegionShift);
    EXPECT_EQ(first(0, kFar), 0u) << "there is none";
    shadow.insert(kHere, 5000);
    shadow.insert(kHere + 0x2000, 24);
    shadow.insert(kFar, 100000);
    EXPECT_EQ(first(kHere - 0x10000000, kFar), kHere);
    EXPECT_EQ(first(kHere, kFar), kHere);
    EXPECT_EQ(first(kHere + 1, kFar), kHere + 0x2000) << "what it is in has begun before";
    EXPECT_EQ(first(kHere + 0x2001, kFar + 1), kFar) << "regions on";
    EXPECT_EQ(first(kHere + 0x2001, kFar), 0u) << "the end is outside";
    shadow.erase(kHere + 0x2000);
    EXPECT_EQ(first(kHere + 1, kHere + 0x10000), 0u);
  };
  Coarse coarse;
  check(coarse);
  Fine fine;
  check(fine);
  Foreign foreign;
  check(foreign);
}

TEST(HeapShadow, AWalkEndsWhereTheVisitorSaysSo) {
  Coarse shadow;
  EXPECT_TRUE(for_each_block(TrustedMemory{}, shadow.root(), [](const Block&) { return false; }));
  for (std::uint64_t i = 0; i < 10; ++i) shadow.insert(kHere + i * 0x5000000, 100);
  int seen = 0;
  EXPECT_FALSE(
      for_each_block(TrustedMemory{}, shadow.root(), [&](const Block&) { return ++seen < 4; }));
  EXPECT_EQ(seen, 4);
}

// Of the pages of tables only those are looked at that hold something.
struct WrittenPages {
  std::uint64_t with_leaves;  // number of a page
  int* looked_at;
  std::uint64_t pages_with_leaves(std::uint64_t group) const {
    return group == with_leaves / 64 ? std::uint64_t{1} << with_leaves % 64 : 0;
  }
  template <typename Visit>
  bool for_each_used_run(AddressRange range, Visit&& visit) const {
    constexpr std::uint64_t kPage = 4096;
    EXPECT_EQ(range.size() % kPage, 0);
    for (Address page = range.begin; page < range.end; page = page + kPage) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(raw(page));
      if (std::all_of(bytes, bytes + kPage, [](unsigned char byte) { return byte == 0; })) continue;
      ++*looked_at;
      if (!visit(AddressRange{page, page + kPage})) return false;
    }
    return true;
  }
};

TEST(HeapShadow, AWalkMayPassOverPagesThatNobodyHasWrittenTo) {
  Coarse shadow;
  constexpr std::uint64_t kPlaces[] = {0, 64, 0x8000, 0x3fffff0, 0x4000010, 0x5000000, 0x500000000};
  for (const std::uint64_t place : kPlaces) shadow.insert(kHere + place, 48);
  const std::uint64_t first = region_of(kHere) / kRegionsInPage;
  std::vector<std::uint64_t> found;
  int looked_at = 0;
  const auto visit = [&](const Block& block) {
    found.push_back(raw(block.base) - kHere);
    return found.size() % 8 != 0;
  };
  EXPECT_TRUE(
      for_each_block(TrustedMemory{}, shadow.root(), visit, WrittenPages{first, &looked_at}));
  EXPECT_EQ(found, std::vector(std::begin(kPlaces), std::end(kPlaces)));
  EXPECT_LT(looked_at, 12);
  found.resize(6);
  EXPECT_FALSE(
      for_each_block(TrustedMemory{}, shadow.root(), visit, WrittenPages{first, &looked_at}));
  EXPECT_EQ(found.size(), 8);
}

TEST(HeapShadow, ALargeBlockThatIsNotTouchedNeedsOnePageOfCells) {
  const auto check = [](auto& shadow, std::uint64_t pages_of_far_records) {
    std::set<std::uint64_t> pages;
    struct Pages {
      std::set<std::uint64_t>* seen;
      void store(Cell* at, Cell) const { seen->insert(raw(address_of(at)) >> 12); }
      void publish(Cell* at, Cell value) const { store(at, value); }
    };
    constexpr std::uint64_t kBlocks = 60;  // of one region
    for (std::uint64_t i = 0; i < kBlocks; ++i)
      shadow.writer(Pages{&pages}).insert(kBorder + 16 + (i << 19), 300000, 7 << kSiteShift);
    EXPECT_LE(pages.size(), kBlocks + pages_of_far_records);
  };
  Coarse coarse;
  check(coarse, 2);
  Fine fine;
  check(fine, 8);
}

}  // namespace
}  // namespace allocs::index
