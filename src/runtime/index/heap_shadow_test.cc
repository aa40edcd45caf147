// SPDX-License-Identifier: Apache-2.0
#include "runtime/index/heap_shadow.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "runtime/index/find_block.h"
#include "runtime/index/walk_blocks.h"

namespace allocs::index {
namespace {

// A shadow of address space that nobody owns. Leaves are mapped on demand, as in the real one.
template <Granularity kG>
class TestShadow {
 public:
  TestShadow() {
    directory_ = static_cast<std::uint64_t*>(reserve(kRegionCount * sizeof(std::uint64_t)));
    (kG.cell_shift == 5 ? root_.directory : root_.fine_directory) = address_of(directory_);
  }
  ~TestShadow() {
    for (const auto& [leaf, size] : mapped_) munmap(leaf, size);
  }
  TestShadow(const TestShadow&) = delete;
  TestShadow& operator=(const TestShadow&) = delete;

  struct MakeLeaf {
    TestShadow* shadow;
    std::uint64_t operator()(std::uint64_t region) const {
      if (region == shadow->refused_region_) return 0;
      void* const leaf = shadow->reserve(leaf_size(kG));
      return shadow->directory_[region] = biased(raw(address_of(leaf)), region, kG);
    }
  };
  template <typename Store = DirectStore>
  auto writer(Store store = {}) {
    return ShadowWriter<kG, MakeLeaf, Store>(directory_, root_, MakeLeaf{this}, store);
  }
  void insert(std::uint64_t start, std::uint64_t size, std::uint32_t site = 7) {
    ASSERT_TRUE(writer().insert(start, size, site << kSiteShift));
  }
  void erase(std::uint64_t start) { writer().erase(start); }
  std::optional<Block> find(std::uint64_t a) const {
    return find_block(TrustedMemory{}, root_, Address{a});
  }
  Root& root() { return root_; }
  // There is no memory for the leaf of this region.
  void refuse(std::uint64_t region) { refused_region_ = region; }

 private:
  void* reserve(std::size_t size) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    mapped_.emplace_back(at, size);
    return at;
  }
  Root root_{};
  std::uint64_t* directory_ = nullptr;
  std::vector<std::pair<void*, std::size_t>> mapped_;
  std::uint64_t refused_region_ = ~std::uint64_t{0};
};
using Coarse = TestShadow<kCoarse>;
using Fine = TestShadow<kFine>;

constexpr std::uint64_t kHere = 0x7f1234560010;

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
  for (std::uint64_t size : {1, 8, 40, 41, 100, 1023, 1024, 1025, 5000, 1 << 20}) {
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

// Blocks side by side, as tightly as the allocator would put them, with now and then a gap.
template <Granularity kG>
void compare_with_a_map(std::uint64_t seed, unsigned largest_bits, std::uint64_t first, int steps) {
  TestShadow<kG> shadow;
  std::map<std::uint64_t, std::uint64_t> model;
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> places;
  auto chunk = [](std::uint64_t size) {
    if (kG.cell_shift == 3) return std::max<std::uint64_t>((size + 7) & ~7ul, 8);
    return std::max<std::uint64_t>((size + 8 + 15) & ~15ul, 32);
  };
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
                                           got->site == (expected >> 4) % kMaximumSite + 1;
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
      if (at + size >= (1ul << 47)) break;
      shadow.insert(at, size, (at >> 4) % kMaximumSite + 1);
      model[at] = size;
      at += chunk(size);
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
    EXPECT_TRUE(for_each_block(TrustedMemory{}, shadow.root(), [&](const Block& block) {
      const bool is_next = next != model.end() && raw(block.base) == next->first &&
                           block.size == next->second &&
                           block.site == (next->first >> 4) % kMaximumSite + 1;
      EXPECT_TRUE(is_next) << std::hex << raw(block.base) << "+" << block.size;
      if (is_next) ++next;
      return is_next;
    }));
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
  compare_with_a_map<kCoarse>(1, 9, 0x7f0000000010, 60000);
}
TEST(HeapShadow, AgreesWithAMapOverMixedBlocks) {
  compare_with_a_map<kCoarse>(2, 18, 0x555555559010, 30000);
}
TEST(HeapShadow, AgreesWithAMapOverLargeBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<kCoarse>(3, 32, 0x10000010, 400);
}
TEST(HeapShadow, AgreesWithAMapOverHugeBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<kCoarse>(4, 43, 0x100000010, 120);
}
TEST(HeapShadow, AgreesWithAMapOverSmallFineBlocks) {
  compare_with_a_map<kFine>(5, 8, 0x7f0000000008, 60000);
}
TEST(HeapShadow, AgreesWithAMapOverMixedFineBlocks) {
  compare_with_a_map<kFine>(6, 20, 0x7f0000000008, 10000);
}
TEST(HeapShadow, AgreesWithAMapOverHugeFineBlocks) {
  if (!kHasMemoryForLargeBlocks) GTEST_SKIP();
  compare_with_a_map<kFine>(7, 40, 0x100000008, 60);
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

// ---- the protocol: every interleaving of one reader with one writer ----

// Stores go into a list first; the test lets them happen one by one, between the reader's loads.
struct Step {
  Cell* at;
  Cell value;
};
struct Recorder {
  std::vector<Step>* steps;
  void store(Cell* at, Cell value) const { steps->push_back({at, value}); }
  void publish(Cell* at, Cell value) const { steps->push_back({at, value}); }
};

// Lets `schedule[i]` writer steps happen before the reader's load number i.
struct SteppedMemory {
  const std::vector<Step>* steps;
  const std::vector<unsigned>* schedule;
  mutable std::size_t loads = 0;
  mutable std::size_t done = 0;
  const std::byte* view(Address at, std::size_t) const {
    unsigned n = loads < schedule->size() ? (*schedule)[loads] : 0;
    for (++loads; n > 0 && done < steps->size(); --n, ++done)
      *(*steps)[done].at = (*steps)[done].value;
    return reinterpret_cast<const std::byte*>(raw(at));
  }
};

struct Act {
  bool insert;
  std::uint64_t start, size;
};

// Every way to place the writer's steps among the first loads. Whatever is answered must have been so at some moment.
void explore(const std::vector<Act>& acts, const std::vector<std::uint64_t>& questions) {
  Coarse shadow;
  std::vector<Step> steps;
  std::vector<std::size_t> ends;  // number of steps after each act
  for (const Act& act : acts) {
    shadow.insert(act.start, act.size);  // creates the leaves
    shadow.erase(act.start);
  }
  auto reset = [&] {
    for (const Step& step : steps) *step.at = 0;
  };
  std::uint32_t site = 3;
  for (const Act& act : acts) {
    auto writer = shadow.writer(Recorder{&steps});
    if (act.insert) {
      writer.insert(act.start, act.size, site++ << kSiteShift);
    } else {
      writer.erase(act.start);
    }
    ends.push_back(steps.size());
  }
  constexpr std::size_t kLoads = 14;
  long interleavings = 0;
  for (std::uint64_t a : questions) {
    std::vector<unsigned> schedule(kLoads, 0);
    auto recurse = [&](auto& self, std::size_t load, std::size_t left) -> void {
      if (load == kLoads || left == 0) {
        ++interleavings;
        reset();
        SteppedMemory memory{&steps, &schedule};
        Block found;
        if (!find_settled_block(memory, shadow.root(), Address{a}, found))
          return;  // the flux table's business, or a moment at which nothing was there
        std::uint32_t expected_site = 3;
        bool was_true = false;
        for (const Act& act : acts) {
          if (!act.insert) continue;
          was_true |=
              raw(found.base) == act.start && found.size == act.size && found.site == expected_site;
          ++expected_site;
        }
        ASSERT_TRUE(was_true) << std::hex << a << " -> " << raw(found.base) << "+" << found.size;
        ASSERT_TRUE(found.contains(Address{a}));
        return;
      }
      for (std::size_t n = 0; n <= left && !testing::Test::HasFatalFailure(); ++n) {
        schedule[load] = static_cast<unsigned>(n);
        self(self, load + 1, left - n);
      }
      schedule[load] = 0;
    };
    recurse(recurse, 0, steps.size());
  }
  EXPECT_GT(interleavings, 100);
}

TEST(HeapShadowProtocol, SmallBlocksChangeHands) {
  const std::uint64_t p = kHere;
  explore({{true, p, 200}, {false, p, 0}, {true, p, 90}}, {p, p + 50, p + 150});
}
TEST(HeapShadowProtocol, ABlockIsSplit) {
  const std::uint64_t p = 0x7f1234560010;
  explore({{true, p, 300}, {false, p, 0}, {true, p + 64, 100}}, {p + 64, p + 100, p + 250});
}
TEST(HeapShadowProtocol, BlocksMerge) {
  const std::uint64_t p = 0x7f1234560010;
  explore({{true, p + 64, 100}, {false, p + 64, 0}, {true, p, 300}}, {p + 64, p + 100, p + 10});
}
TEST(HeapShadowProtocol, ABigBlockTakesTheirPlace) {
  const std::uint64_t p = 0x7f1234560010;
  explore({{true, p + 1008, 40}, {false, p + 1008, 0}, {true, p, 1600}}, {p + 1010, p + 1500});
}

}  // namespace
}  // namespace allocs::index
