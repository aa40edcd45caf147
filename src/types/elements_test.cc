// SPDX-License-Identifier: Apache-2.0
#include "types/elements.h"

#include <gtest/gtest.h>

#include <vector>

namespace allocs::types {
namespace {

// Words at 0x1000, one behind the other.
class Words {
 public:
  explicit Words(std::vector<std::uint64_t> words) : words_(std::move(words)) {}
  SpanMemory memory() const {
    return {Address{kBase}, reinterpret_cast<const std::byte*>(words_.data()), words_.size() * 8};
  }
  static constexpr std::uint64_t kBase = 0x1000;
  static constexpr std::uint64_t at(std::uint64_t word) { return kBase + 8 * word; }

 private:
  std::vector<std::uint64_t> words_;
};

PlaceRecord word(std::uint32_t number) {
  PlaceRecord place;
  place.offsets[0] = 8 * number;
  place.size = 8;
  return place;
}

ContainerRecord rule(ContainerShape shape, std::initializer_list<PlaceRecord> places,
                     std::uint64_t element_size = 8) {
  ContainerRecord record;
  record.shape = shape;
  record.element_size = element_size;
  std::copy(places.begin(), places.end(), record.places);
  return record;
}

struct Seen {
  int begin = 0;
  std::vector<std::uint64_t> at;
  int end = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// More than any container of a test has.
constexpr std::size_t kTooMany = 10000;

Seen see(const Words& words, const std::vector<ContainerRecord>& rules) {
  const SpanMemory memory = words.memory();
  ElementCursor cursor;
  ElementWalk<SpanMemory> walk(memory, cursor);
  Seen seen;
  seen.begin = walk.begin(rules, Words::kBase);
  Element element;
  while ((seen.end = walk.next(element)) == 1 && seen.at.size() < kTooMany)
    seen.at.push_back(element.at);
  return seen;
}
Seen see(const Words& words, const ContainerRecord& rule) {
  return see(words, std::vector<ContainerRecord>{rule});
}
const Seen kMalformedAtOnce{ALLOC_E_MALFORMED, {}, 0};

TEST(Elements, ArraysEndAtAPointer) {
  const ContainerRecord array = rule(ContainerShape::array, {word(0), word(1)});
  EXPECT_EQ(see(Words({0x5000, 0x5010}), array), (Seen{0, {0x5000, 0x5008}, 0}));
  EXPECT_EQ(see(Words({0x5000, 0x5000}), array), Seen{});
  EXPECT_EQ(see(Words({0x5000, 0x4ff8}), array), kMalformedAtOnce);
  EXPECT_EQ(see(Words({0x5000, 0x5004}), array), kMalformedAtOnce);
  EXPECT_EQ(see(Words({0x5000}), array), kMalformedAtOnce);
}

TEST(Elements, ArraysHaveAsManyAsANumberSays) {
  const ContainerRecord array = rule(ContainerShape::array, {word(0), {}, word(1)});
  EXPECT_EQ(see(Words({0x5000, 2}), array), (Seen{0, {0x5000, 0x5008}, 0}));
  EXPECT_EQ(see(Words({0, 0}), array), Seen{});
  EXPECT_EQ(see(Words({0, 1}), array), kMalformedAtOnce);
  EXPECT_EQ(see(Words({0x5000, ~std::uint64_t{0} / 8}), array), kMalformedAtOnce);
}

TEST(Elements, TheFirstRuleWhoseTestHoldsCounts) {
  ContainerRecord held = rule(ContainerShape::inside, {word(1)});
  held.number = 1;
  held.test = ContainerTest::is_equal;
  held.tested = word(0);
  held.equal = 7;
  ContainerRecord pointed = rule(ContainerShape::target, {word(2)});
  pointed.test = ContainerTest::is_set;
  pointed.tested = word(0);
  pointed.tested.bit_size = 1;
  pointed.tested.bit_offset = 3;
  EXPECT_EQ(see(Words({7, 0, 0x6000}), {held, pointed}), (Seen{0, {Words::at(1)}, 0}));
  EXPECT_EQ(see(Words({8, 0, 0x6000}), {held, pointed}), (Seen{0, {0x6000}, 0}));
  EXPECT_EQ(see(Words({16, 0, 0x6000}), {held, pointed}), Seen{});
  EXPECT_EQ(see(Words({8, 0, 0}), {held, pointed}), Seen{});
}

TEST(Elements, ThoseInsideAreNoMoreThanFit) {
  ContainerRecord inside = rule(ContainerShape::inside, {word(1), word(0)});
  inside.number = 2;
  EXPECT_EQ(see(Words({2, 0, 0}), inside), (Seen{0, {Words::at(1), Words::at(2)}, 0}));
  EXPECT_EQ(see(Words({3, 0, 0}), inside), kMalformedAtOnce);
  inside.number = kUnbounded;  // a flexible member
  EXPECT_EQ(see(Words({3, 0, 0}), inside).at.size(), 3u);
  EXPECT_EQ(see(Words({kUnbounded, 0, 0}), inside), kMalformedAtOnce);
}

TEST(Elements, BehindANullPointerNothingIsSet) {
  ContainerRecord pointed = rule(ContainerShape::target, {word(1)});
  pointed.test = ContainerTest::is_set;
  pointed.tested = word(0);
  pointed.tested.hops = 1;
  pointed.tested.offsets[1] = 16;
  EXPECT_EQ(see(Words({0, 0x6000}), pointed), Seen{});
  EXPECT_EQ(see(Words({Words::at(0), 0x6000, 1}), pointed), (Seen{0, {0x6000}, 0}));
  EXPECT_EQ(see(Words({Words::at(0), 0x6000, 0}), pointed), Seen{});
  // Nor is anything behind a pointer that leads nowhere.
  EXPECT_EQ(see(Words({0x1230, 0x6000, 1}), pointed), kMalformedAtOnce);
}

TEST(Elements, BitsAreToldOneByOne) {
  const ContainerRecord bits = rule(ContainerShape::bits, {word(0), word(1), word(2)});
  const Words words({0x5000, 0x5008, 2});
  const SpanMemory memory = words.memory();
  ElementCursor cursor;
  ElementWalk<SpanMemory> walk(memory, cursor);
  EXPECT_EQ(walk.begin({&bits, 1}, Words::kBase), 0);
  EXPECT_EQ(cursor.count, 66u);
  Element element;
  for (unsigned i = 0; i < 66; ++i) {
    ASSERT_EQ(walk.next(element), 1);
    EXPECT_EQ(element.at, 0x5000u + i / 8);
    EXPECT_EQ(element.bit, static_cast<int>(i % 8));
  }
  EXPECT_EQ(walk.next(element), 0);
}

TEST(Elements, BitsThatCannotBeCountedAreMalformed) {
  const ContainerRecord ends = rule(ContainerShape::bits, {word(0), word(1), word(2)});
  EXPECT_EQ(see(Words({8, 8 + (std::uint64_t{1} << 61), 0}), ends), kMalformedAtOnce);
  const ContainerRecord counted = rule(ContainerShape::bits, {word(0), {}, {}, word(1)});
  EXPECT_EQ(see(Words({0x5000, kUnknownSize}), counted), kMalformedAtOnce);
  EXPECT_EQ(see(Words({0, 1}), counted), kMalformedAtOnce);
  EXPECT_EQ(see(Words({0, 0}), counted), Seen{});
}

// The container is the word 0, a node {next, value}.
TEST(Elements, ChainsEndAtNullOrAtTheirSentinel) {
  const PlaceRecord value = word(1);
  const ContainerRecord chain = rule(ContainerShape::chain, {word(0), {}, word(0), value});
  EXPECT_EQ(see(Words({0}), chain), Seen{});
  EXPECT_EQ(see(Words({Words::at(3), 0, 0, Words::at(1), 0}), chain),
            (Seen{0, {Words::at(4), Words::at(2)}, 0}));
  const ContainerRecord ring = rule(ContainerShape::chain, {word(0), word(0), word(0), value});
  EXPECT_EQ(see(Words({Words::at(0)}), ring), Seen{});
  EXPECT_EQ(see(Words({Words::at(1), Words::at(0), 0}), ring), (Seen{0, {Words::at(2)}, 0}));
  EXPECT_EQ(see(Words({0}), ring), (Seen{0, {}, ALLOC_E_MALFORMED}));
}

TEST(Elements, ChainsThatGoInACircleEnd) {
  const ContainerRecord chain = rule(ContainerShape::chain, {word(0), {}, word(0), word(1)});
  for (std::uint64_t length = 1; length < 40; ++length) {
    for (std::uint64_t back = 0; back < length; ++back) {
      std::vector<std::uint64_t> words{Words::at(1)};
      for (std::uint64_t node = 0; node < length; ++node) {
        const std::uint64_t next = node + 1 == length ? back : node + 1;
        words.insert(words.end(), {Words::at(1 + 2 * next), 0});
      }
      const Seen seen = see(Words(words), chain);
      EXPECT_EQ(seen.end, ALLOC_E_MALFORMED);
      EXPECT_LT(seen.at.size(), 4 * length + 4);
    }
  }
}

// A header {parent, left} and nodes {left, right, parent, value}, as std::map's.
class Tree {
 public:
  // The balanced tree of so many nodes, whose values are at rising places.
  explicit Tree(std::uint64_t nodes) : words_(2 + 4 * nodes) {
    words_[0] = make(0, nodes, Words::kBase);
    words_[1] = nodes == 0 ? Words::kBase : node(0);
  }
  std::vector<std::uint64_t>& words() { return words_; }
  static std::uint64_t node(std::uint64_t i) { return Words::at(2 + 4 * i); }
  static ContainerRecord rule() {
    PlaceRecord value = word(3);
    return types::rule(ContainerShape::tree, {word(1), word(0), word(0), word(1), word(2), value});
  }

 private:
  std::uint64_t make(std::uint64_t from, std::uint64_t to, std::uint64_t parent) {
    if (from == to) return 0;
    const std::uint64_t middle = (from + to) / 2;
    words_[2 + 4 * middle] = make(from, middle, node(middle));
    words_[3 + 4 * middle] = make(middle + 1, to, node(middle));
    words_[4 + 4 * middle] = parent;
    return node(middle);
  }
  std::vector<std::uint64_t> words_;
};

TEST(Elements, TreesAreSteppedThroughInOrder) {
  for (std::uint64_t nodes = 0; nodes < 70; ++nodes) {
    Seen expected;
    for (std::uint64_t i = 0; i < nodes; ++i) expected.at.push_back(Tree::node(i) + 24);
    EXPECT_EQ(see(Words(Tree(nodes).words()), Tree::rule()), expected);
  }
}

TEST(Elements, DamagedTreesEnd) {
  constexpr std::uint64_t kNodes = 20;
  for (std::size_t damaged = 0; damaged < 2 + 4 * kNodes; ++damaged) {
    for (std::uint64_t to = 0; to < kNodes; ++to) {
      Tree tree(kNodes);
      tree.words()[damaged] = Tree::node(to);
      EXPECT_LT(see(Words(tree.words()), Tree::rule()).at.size(), kTooMany);
    }
  }
}

TEST(Elements, BlocksFollowOneAnother) {
  // current, last, first, list, end of all, last of the list; then the list.
  const ContainerRecord blocks =
      rule(ContainerShape::blocks, {word(0), word(1), word(2), word(3), word(4), word(5)});
  const auto words = [](std::uint64_t end, std::uint64_t last_list) {
    return Words(
        {0x5008, 0x5010, 0x5000, Words::at(6), end, Words::at(last_list), 0x5000, 0x7000, 0x6000});
  };
  EXPECT_EQ(see(words(0x6008, 8), blocks), (Seen{0, {0x5008, 0x7000, 0x7008, 0x6000}, 0}));
  EXPECT_EQ(see(words(0x5008, 6), blocks), Seen{});
  EXPECT_EQ(see(words(0x9000, 7), blocks).end, ALLOC_E_MALFORMED);
  // Not at an element.
  EXPECT_EQ(see(Words({0x500c, 0x5010, 0x5000, Words::at(6), 0x6008, Words::at(8), 0x5000, 0x7000,
                       0x6000}),
                blocks),
            kMalformedAtOnce);
}

TEST(Elements, PagesHoldAFixedNumber) {
  ContainerRecord pages = rule(ContainerShape::pages, {word(0), word(1), word(2)});
  pages.number = 2;
  EXPECT_EQ(see(Words({Words::at(3), 1, 3, 0x5000, 0x7000}), pages),
            (Seen{0, {0x5008, 0x7000, 0x7008}, 0}));
  EXPECT_EQ(see(Words({Words::at(3), 1, 9, 0x5000, 0x7000}), pages).end, ALLOC_E_MALFORMED);
}

}  // namespace
}  // namespace allocs::types
