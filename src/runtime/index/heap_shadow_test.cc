// SPDX-License-Identifier: Apache-2.0
#include "runtime/index/heap_shadow.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
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
    EXPECT_TRUE(for_each_block(
        TrustedMemory{}, shadow.root(),
        [&](const Block& block) {
          const bool is_next = next != model.end() && raw(block.base) == next->first &&
                               block.size == next->second &&
                               block.site == (next->first >> 4) % kMaximumSite + 1;
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

// ---- the protocol: every interleaving of a reader with what the owners of blocks store ----
// Left out: more threads inside realloc than Root has slots for (MoreFlux, flux_homeless).

// What is stored goes into a list first; the test lets it happen step by step, between the reader's loads.
struct Step {
  void* at;
  std::uint64_t value;
  bool is_word;   // of 8 bytes, or a cell
  bool are_bits;  // that are set in it
  std::uint64_t before = 0;
  std::uint64_t load() const {
    return is_word ? *static_cast<std::uint64_t*>(at) : *static_cast<Cell*>(at);
  }
  void store(std::uint64_t v) const {
    if (is_word) {
      *static_cast<std::uint64_t*>(at) = v;
    } else {
      *static_cast<Cell*>(at) = static_cast<Cell>(v);
    }
  }
  void happen() const { store(are_bits ? load() | value : value); }
};
// It happens at once, too, for what is stored next depends on it.
struct Recorder {
  std::vector<Step>* steps;
  template <typename T>
  void store(T* at, T value) const {
    add({at, value, sizeof(T) == 8, false});
  }
  template <typename T>
  void publish(T* at, T value) const {
    store(at, value);
  }
  bool exchange(std::uint64_t* at, std::uint64_t& expected, std::uint64_t desired) const {
    if (*at != expected) return false;
    store(at, desired);
    return true;
  }
  void set_bits(std::uint64_t* at, std::uint64_t bits) const { add({at, bits, true, true}); }
  void add(Step step) const {
    step.before = step.load();
    steps->push_back(step);
    step.happen();
  }
};

// One owner at a time does what it does to a block; `moved_to` is where realloc puts it.
struct Act {
  enum Kind { is_there, make, free, resize } kind;  // is_there: from the beginning
  std::uint64_t start, size;
  std::uint64_t moved_to = 0, new_size = 0;
};
constexpr std::size_t kNever = ~std::size_t{0};
constexpr std::size_t kBefore = kNever - 1;
constexpr std::size_t kAnyNumber = 1000;
// What was so from step `from` of a thread (having happened) until step `until` of it: this block was in its cell, or in flux.
struct Truth {
  std::size_t thread;
  std::size_t from, until;
  std::uint64_t base, size;
  std::uint32_t site;  // 0: in flux
  bool is_in_no_cell = false;
  bool covers(std::uint64_t a) const { return a == base || (a > base && a - base < size); }
};

class Exploration {
 public:
  // Each thread does its acts one after the other. `most_switches`: how often a run goes from the reader to the others at most;
  // `most_turns`: how often from one of these to another. `where`: after which of their steps the reader may go on.
  enum Where { anywhere, where_truth_changes };
  Exploration(const std::vector<std::vector<Act>>& threads, std::size_t most_switches,
              std::size_t most_turns = kAnyNumber, Where where = anywhere)
      : most_switches_(most_switches), most_turns_(most_turns), where_(where) {
    for (const auto& acts : threads) {
      for (const Act& act : acts) {  // makes the leaves
        for (const std::uint64_t start : {act.start, act.moved_to}) {
          if (start == 0) continue;
          shadow_.insert(start, std::max(act.size, act.new_size));
          shadow_.erase(start);
        }
      }
    }
    for (std::size_t i = 0; i < threads.size(); ++i) {
      steps_.emplace_back();
      for (const Act& act : threads[i]) record(i, act);
    }
    for (const auto& steps : steps_) {
      for (const Step& step : steps) {
        if (std::ranges::find(initial_, step.at, &Step::at) == initial_.end())
          initial_.push_back({step.at, step.before, step.is_word, false});
      }
    }
  }

  void ask(const std::vector<std::uint64_t>& questions) {
    std::vector<std::size_t> order;
    merge(order, std::vector<std::size_t>(steps_.size(), 0), 0, questions);
    EXPECT_GT(runs_, 100);
  }
  long in_flux() const { return in_flux_; }

 private:
  void record(std::size_t thread, const Act& act) {
    std::vector<Step>& steps = steps_[thread];
    const Recorder recorder{&steps};
    const auto writer = shadow_.writer(recorder);
    const auto insert = [&](std::uint64_t start, std::uint64_t size) {
      const std::uint32_t site = ++last_site_;
      writer.insert(start, size, site << kSiteShift);
      truths_.push_back({thread, steps.size() - 1, kNever, start, size, site});
    };
    const auto ends = [&](std::uint64_t start) {
      for (Truth& truth : truths_) {
        if (truth.base == start && truth.until == kNever) truth.until = steps.size() - 1;
      }
    };
    switch (act.kind) {
      case Act::is_there:
        shadow_.insert(act.start, act.size, ++last_site_);
        truths_.push_back({thread, kBefore, kNever, act.start, act.size, last_site_});
        break;
      case Act::make:
        insert(act.start, act.size);
        break;
      case Act::free:
        writer.erase(act.start);
        ends(act.start);
        break;
      case Act::resize: {
        const std::size_t first = steps.size();
        {
          const FluxClaim claim(
              shadow_.root(), (thread + 1) << 12, act.start, act.start + act.size, +[] {},
              recorder);
          writer.erase(act.start);
          ends(act.start);
          const std::size_t cleared = steps.size() - 1;
          insert(act.moved_to, act.new_size);
          truths_.push_back({thread, cleared, steps.size() - 1, act.start, act.size, 0, true});
        }
        // "In flux" may be answered from the claim on, until it is given up, and must be while the block is in no cell.
        truths_.push_back({thread, first, steps.size() - 1, act.start, act.size, 0});
        break;
      }
    }
  }

  // All orders in which the threads' steps can happen.
  void merge(std::vector<std::size_t>& order, std::vector<std::size_t> done, std::size_t turns,
             const std::vector<std::uint64_t>& questions) {
    bool is_whole = true;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (done[i] == steps_[i].size()) continue;
      is_whole = false;
      const std::size_t now = turns + (order.empty() || order.back() == i ? 0 : 1);
      if (now > most_turns_) continue;
      order.push_back(i);
      ++done[i];
      merge(order, done, now, questions);
      --done[i];
      order.pop_back();
    }
    if (!is_whole || testing::Test::HasFatalFailure()) return;
    merged_.clear();
    std::vector<std::size_t> next(steps_.size(), 0);
    positions_.assign(steps_.size(), {});
    for (const std::size_t thread : order) {
      positions_[thread].push_back(merged_.size());
      merged_.push_back(steps_[thread][next[thread]++]);
    }
    stops_.clear();
    for (std::size_t i = 1; i <= merged_.size(); ++i) {
      const auto changes = [&](const Truth& truth) {
        const auto is_last = [&](std::size_t step) {
          return step < kBefore && positions_[truth.thread][step] == i - 1;
        };
        return is_last(truth.from) || is_last(truth.until);
      };
      if (where_ == anywhere || std::ranges::any_of(truths_, changes)) stops_.push_back(i);
    }
    for (const std::uint64_t a : questions) ask_at_every_moment(a);
  }

  // Before the reader's load number i, choices_[i] stops are gone to.
  struct SteppedMemory {
    Exploration* in;
    void before_load() const { in->before_load(); }
    const std::byte* view(Address at, std::size_t) const {
      in->before_load();
      return reinterpret_cast<const std::byte*>(raw(at));
    }
  };
  void before_load() {
    if (load_ == choices_.size()) choices_.push_back(0);
    for (std::size_t n = choices_[load_++]; n > 0; --n) {
      for (const std::size_t stop = stops_[stop_++]; done_ < stop;) merged_[done_++].happen();
    }
    if (load_ == 1) done_first_ = done_;
  }

  void ask_at_every_moment(std::uint64_t a) {
    choices_.clear();
    for (bool more = true; more && !testing::Test::HasFatalFailure();) {
      for (const Step& place : initial_) place.happen();
      load_ = done_ = stop_ = 0;
      ++runs_;
      Block found;
      const bool is_found = find_block(SteppedMemory{this}, shadow_.root(), Address{a}, found);
      judge(a, is_found, found);
      more = choose_next();
    }
  }
  // The next series of choices: the last one that can be is made greater, and those behind it start again.
  bool choose_next() {
    choices_.resize(load_);
    std::size_t sum = 0;
    std::size_t switches = 0;
    for (const std::size_t n : choices_) {
      sum += n;
      switches += n != 0 ? 1 : 0;
    }
    while (!choices_.empty()) {
      const std::size_t last = choices_.back();
      if (sum < stops_.size() && (last != 0 || switches < most_switches_)) {
        ++choices_.back();
        return true;
      }
      sum -= last;
      switches -= last != 0 ? 1 : 0;
      choices_.pop_back();
    }
    return false;
  }

  bool was_so(const Truth& truth, std::size_t done) const {
    const auto has_happened = [&](std::size_t step) {
      return step == kBefore || (step != kNever && positions_[truth.thread][step] < done);
    };
    return has_happened(truth.from) && !has_happened(truth.until);
  }
  void judge(std::uint64_t a, bool is_found, const Block& found) {
    bool is_true = false;
    for (std::size_t done = done_first_; done <= done_; ++done) {
      bool is_covered = false;
      for (const Truth& truth : truths_) {
        if (!was_so(truth, done)) continue;
        is_covered |= (truth.site != 0 || truth.is_in_no_cell) && truth.covers(a);
        is_true |= is_found && raw(found.base) == truth.base && found.size == truth.size &&
                   found.site == truth.site &&
                   (found.state == BlockState::in_flux) == (truth.site == 0);
      }
      is_true |= !is_found && !is_covered;
    }
    if (is_found && found.state == BlockState::in_flux) ++in_flux_;
    ASSERT_TRUE(is_true) << std::hex << a << " -> " << is_found << " " << raw(found.base) << "+"
                         << found.size << " after steps " << done_first_ << " to " << done_;
    ASSERT_TRUE(!is_found || found.contains(Address{a}));
  }

  std::size_t most_switches_, most_turns_;
  Where where_;
  Coarse shadow_;
  std::vector<std::vector<Step>> steps_;  // of each thread
  std::vector<Truth> truths_;
  std::vector<Step> initial_;  // one for each place
  std::uint32_t last_site_ = 2;
  std::vector<Step> merged_;
  std::vector<std::vector<std::size_t>> positions_;  // [thread][step]: in merged_
  std::vector<std::size_t> choices_;
  std::vector<std::size_t> stops_;  // as numbers of steps that have happened
  std::size_t load_ = 0, stop_ = 0, done_ = 0, done_first_ = 0;
  long runs_ = 0, in_flux_ = 0;
};

constexpr Act is_there(std::uint64_t start, std::uint64_t size) {
  return {Act::is_there, start, size};
}
constexpr Act make(std::uint64_t start, std::uint64_t size) { return {Act::make, start, size}; }
constexpr Act free(std::uint64_t start) { return {Act::free, start, 0}; }
constexpr Act resize(std::uint64_t start, std::uint64_t size, std::uint64_t moved_to,
                     std::uint64_t new_size) {
  return {Act::resize, start, size, moved_to, new_size};
}

TEST(HeapShadowProtocol, SmallBlocksChangeHands) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 200), free(p), make(p, 90)}}, kAnyNumber).ask({p, p + 50, p + 150});
}
TEST(HeapShadowProtocol, ABlockIsSplit) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 300), free(p), make(p + 64, 100)}}, kAnyNumber)
      .ask({p + 64, p + 100, p + 250});
}
TEST(HeapShadowProtocol, BlocksMerge) {
  const std::uint64_t p = kHere;
  Exploration({{make(p + 64, 100), free(p + 64), make(p, 300)}}, kAnyNumber)
      .ask({p + 64, p + 100, p + 10});
}
TEST(HeapShadowProtocol, ABigBlockTakesTheirPlace) {
  const std::uint64_t p = kHere;
  Exploration({{make(p + 1008, 40), free(p + 1008), make(p, 1600)}}, kAnyNumber)
      .ask({p + 1010, p + 1500});
}
TEST(HeapShadowProtocol, ALargeBlockComesAndGoes) {
  const std::uint64_t p = kHere - 0x100;
  Exploration({{make(p, 0x20000), free(p), make(p + 0x8000, 0x10000)}}, 4)
      .ask({p + 0x7f00, p + 0x8100, p + 0x17ff0});
}
// Each by its own thread, side by side in cells, one behind the other's boundary.
TEST(HeapShadowProtocol, NeighboursAreMadeAndFreedAtOnce) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 40), free(p)}, {make(p + 48, 24), free(p + 48)}}, kAnyNumber)
      .ask({p, p + 39, p + 48, p + 71});
  const std::uint64_t boundary = (kHere | 0x7ff) + 1;
  Exploration({{make(boundary - 0x7f0, 0x7f0 + 8), free(boundary - 0x7f0)},
               {make(boundary + 16, 100), free(boundary + 16)}},
              kAnyNumber)
      .ask({boundary - 1, boundary + 7, boundary + 8, boundary + 16});
}
TEST(HeapShadowProtocol, ALargeBlockSurvivesItsNeighbours) {
  const std::uint64_t p = kHere - 0x100;
  Exploration(
      {{make(p, 0x10008)}, {make(p + 0x10020, 200), free(p + 0x10020), make(p + 0x10020, 24)}}, 3,
      2)
      .ask({p + 0x8000, p + 0x10000, p + 0x10007, p + 0x10020});
}
TEST(HeapShadowProtocol, ABlockIsResizedWhereItIs) {
  const std::uint64_t p = kHere;
  Exploration grows({{is_there(p, 100), resize(p, 100, p, 200)}}, 4);
  grows.ask({p, p + 50, p + 150});
  EXPECT_GT(grows.in_flux(), 0);
  Exploration({{is_there(p, 2000), resize(p, 2000, p, 30)}}, 4).ask({p, p + 20, p + 1990});
  // Twice: each search may meet the moment at which it is in no cell.
  Exploration({{is_there(p, 100), resize(p, 100, p, 200), resize(p, 200, p, 300)}}, 5, 1,
              Exploration::where_truth_changes)
      .ask({p, p + 50});
}
TEST(HeapShadowProtocol, ABlockIsMoved) {
  const std::uint64_t p = kHere;
  const std::uint64_t q = kHere + 0x4000;
  Exploration({{is_there(p, 100), resize(p, 100, q, 5000)}}, 3).ask({p + 50, q + 50, q + 4096});
  // Another thread gets its old place at once.
  Exploration({{is_there(p, 100), resize(p, 100, q, 200), make(p, 60)}}, 3)
      .ask({p, p + 50, q + 150});
}
TEST(HeapShadowProtocol, TwoAreResizedAtOnce) {
  const std::uint64_t p = kHere;
  const std::uint64_t q = p + 0x100;
  Exploration both(
      {{is_there(p, 100), resize(p, 100, p, 200)}, {is_there(q, 500), resize(q, 500, q, 300)}}, 2,
      2);
  both.ask({p + 50, q + 400});
  EXPECT_GT(both.in_flux(), 0);
}

}  // namespace
}  // namespace allocs::index
