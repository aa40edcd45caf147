// SPDX-License-Identifier: Apache-2.0
#include "types/write/fold_types.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "types/write/merge_types.h"

namespace allocs::types {
namespace {

TypeRecord of_kind(Kind kind, TypeIndex target = kNoType, StringRef name = 0) {
  TypeRecord type;
  type.kind = kind;
  type.target = target;
  type.name = name;
  return type;
}

// The types of one program, told unit by unit: as they are, and folded after each unit. `at` says where a node is in either.
struct Telling {
  SourceTypes source;
  StringPool strings;
  std::vector<TypeIndex> at{0};
  TypeFolder folder;
  bool folds = false;

  // A node by its number among all that have been told.
  std::size_t add(const TypeRecord& type) {
    at.push_back(source.add(type));
    return at.size() - 1;
  }
  TypeRecord& operator[](std::size_t node) { return source.types[at[node]]; }
  void end_unit(bool may_be_referred_to) {
    if (!folds) return;
    const Renumbering moved = folder.fold(source, strings, may_be_referred_to);
    for (TypeIndex& node : at) node = moved(node);
  }
};

// Tells a unit of random types, the same for the same `header`: units include the same few headers again and again.
class UnitTeller {
 public:
  UnitTeller(Telling& telling, std::uint32_t header, std::size_t referred)
      : telling_(telling), random_(header), referred_(referred) {}

  void tell() {
    count_ = 6 + random_() % 20;
    first_ = telling_.at.size();
    for (std::size_t i = 0; i < count_; ++i) telling_.add(of_kind(kKindUnfilled));
    for (std::size_t i = 0; i < count_; ++i) describe(first_ + i);
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  TypeIndex any() {
    if (referred_ != 0 && one_in(9)) return telling_.at[referred_];
    return one_in(12) ? 0 : telling_.at[first_ + random_() % count_];
  }
  // Only what has been described: no cycle without a composite.
  TypeIndex earlier(std::size_t node) {
    return node == first_ ? 0 : telling_.at[first_ + random_() % (node - first_)];
  }
  StringRef name(const char* prefix, unsigned of) {
    return telling_.strings.add(prefix + std::to_string(random_() % of));
  }

  void describe(std::size_t node) {
    SourceTypes& source = telling_.source;
    TypeRecord type;
    switch (random_() % 10) {
      case 0:
        type = of_kind(Kind::base, kNoType, name("int", 3));
        type.detail = 5;  // DW_ATE_signed
        type.size = 4;
        break;
      case 1:
        type = of_kind(kKindTypedef, any_or_earlier(node), name("alias", 4));
        type.line = random_() % 3;
        type.file = telling_.strings.add("f.h");
        break;
      case 2:
        type = of_kind(kKindQualifier, earlier(node));
        type.detail = static_cast<std::uint8_t>(Qualifier::const_);
        break;
      case 3:
        type = of_kind(Kind::array, earlier(node));
        type.count = one_in(3) ? kUnbounded : random_() % 4 + 1;
        break;
      case 4:
        type = of_kind(Kind::enumeration, one_in(2) ? kNoType : earlier(node),
                       one_in(2) ? 0 : name("color", 2));
        type.size = 4;
        type.first = static_cast<std::uint32_t>(source.enumerators.size());
        type.count = random_() % 3;
        for (std::size_t i = 0; i < type.count; ++i)
          source.enumerators.push_back({static_cast<std::int64_t>(i), name("red", 5), 0});
        break;
      case 5:
        type = of_kind(Kind::subprogram, earlier(node));
        type.count = random_() % 3;
        type.flags = kTypePrototyped;
        add_members(type, node, false);
        break;
      case 6:
        type = of_kind(Kind::address, earlier(node));
        type.size = 8;
        type.detail = static_cast<std::uint8_t>(AddressKind::member_pointer);
        type.first = earlier(node);
        break;
      case 7:
        type = of_kind(Kind::address, earlier(node));
        type.size = 8;
        break;
      default:
        type = of_kind(Kind::composite, kNoType, one_in(3) ? 0 : name("s", 5));
        type.detail = static_cast<std::uint8_t>(CompositeKind::structure);
        type.file = telling_.strings.add("f.h");
        type.line = random_() % 2;
        if (one_in(5) && type.name != 0) {
          type.flags = kTypeIncomplete;
          type.size = kUnknownSize;
          break;
        }
        type.size = 64;
        type.count = random_() % 4;
        add_members(type, node, true);
        break;
    }
    telling_[node] = type;
  }

  // A typedef may come before what it names.
  TypeIndex any_or_earlier(std::size_t node) {
    return node + 1 < first_ + count_ && one_in(2) ? telling_.at[node + 1] : earlier(node);
  }

  void add_members(TypeRecord& type, std::size_t node, bool is_composite) {
    SourceTypes& source = telling_.source;
    std::vector<MemberRecord> members;
    std::vector<SourceTypes::PendingBitField> fields;
    for (std::size_t i = 0; i < type.count; ++i) {
      MemberRecord member;
      member.offset = is_composite ? i * 16 : 0;
      member.name = is_composite ? name("m", 3) : 0;
      member.type = is_composite ? any() : earlier(node);
      if (is_composite && one_in(4)) {
        SourceTypes::PendingBitField field;
        field.member = static_cast<std::uint32_t>(i);
        field.first_bit = i * 128 + random_() % 4;
        field.composite_size = type.size;
        TypeRecord bits = of_kind(kKindBitField, member.type);
        bits.bit_size = static_cast<std::uint16_t>(1 + random_() % 5);
        field.bit_field = telling_.at[telling_.add(bits)];
        fields.push_back(field);
      }
      members.push_back(member);
    }
    type.first = static_cast<std::uint32_t>(source.members.size());
    for (auto& field : fields) {
      field.member += type.first;
      source.bit_fields.push_back(field);
    }
    source.members.insert(source.members.end(), members.begin(), members.end());
  }

  Telling& telling_;
  std::mt19937 random_;
  std::size_t referred_;  // a node of another unit; 0: none
  std::size_t first_ = 0, count_ = 0;
};

template <typename Record>
void expect_equal(const std::vector<Record>& a, const std::vector<Record>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Record)) == 0);
}

// What is merged is what would have been without folding, for each node that was told.
void expect_the_same_result(std::uint32_t seed, bool refers_to_others, std::size_t& all,
                            std::size_t& left) {
  SCOPED_TRACE(seed);
  Telling whole;
  Telling folded;
  folded.folds = true;
  for (Telling* telling : {&whole, &folded}) {
    std::mt19937 random(seed);
    std::size_t referred = 0;
    bool is_described = true;
    for (int unit = 0; unit < 12; ++unit) {
      if (refers_to_others && is_described) {
        referred = telling->add(of_kind(kKindUnfilled));
        is_described = false;
      }
      UnitTeller{*telling, static_cast<std::uint32_t>(seed * 7 + random() % 4), referred}.tell();
      if (refers_to_others && random() % 3 == 0) {
        TypeRecord late = of_kind(Kind::composite, kNoType, telling->strings.add("late"));
        late.size = 8 + random() % 2;
        (*telling)[referred] = late;
        is_described = true;
      }
      telling->end_unit(refers_to_others);
    }
  }
  all += whole.source.types.size();
  left += folded.source.types.size();
  const MergedTypes expected = merge_equal_types(whole.source, whole.strings);
  const MergedTypes found = merge_equal_types(folded.source, folded.strings);
  expect_equal(expected.tables.types, found.tables.types);
  expect_equal(expected.tables.members, found.tables.members);
  expect_equal(expected.tables.enumerators, found.tables.enumerators);
  expect_equal(expected.aliases, found.aliases);
  ASSERT_EQ(whole.at.size(), folded.at.size());
  for (std::size_t node = 0; node < whole.at.size(); ++node) {
    // The node of a bit-field goes with the composite that has it.
    if (whole.source.types[whole.at[node]].kind == Kind::base &&
        whole.source.types[whole.at[node]].target != kNoType)
      continue;
    EXPECT_EQ(expected.index_of[whole.at[node]], found.index_of[folded.at[node]]) << node;
  }
}

TEST(FoldTypes, MergingFindsWhatItFindsAmongAll) {
  std::size_t all = 0;
  std::size_t left = 0;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) expect_the_same_result(seed, false, all, left);
  EXPECT_LT(left * 2, all);
}

TEST(FoldTypes, UnitsMayReferToWhatOthersDescribe) {
  std::size_t all = 0;
  std::size_t left = 0;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) expect_the_same_result(seed, true, all, left);
  EXPECT_LT(left, all);
}

struct Unit {
  TypeIndex anonymous = 0, pointer = 0;
};

// struct { int; } [name]; and a pointer to it
Unit tell_anonymous(SourceTypes& source, StringPool& strings, const char* typedef_name) {
  TypeRecord base = of_kind(Kind::base, kNoType, strings.add("int"));
  base.size = 4;
  MemberRecord member;
  member.name = strings.add("n");
  member.type = source.add(base);
  TypeRecord tag = of_kind(Kind::composite);
  tag.size = 4;
  tag.count = 1;
  tag.first = static_cast<std::uint32_t>(source.members.size());
  source.members.push_back(member);
  Unit unit;
  unit.anonymous = source.add(tag);
  unit.pointer = source.add(of_kind(Kind::address, unit.anonymous));
  if (typedef_name != nullptr)
    source.add(of_kind(kKindTypedef, unit.anonymous, strings.add(typedef_name)));
  return unit;
}

// How many nodes are left of two units that differ at most in the typedef.
std::size_t left_of(const char* first, const char* second, bool may_be_referred_to = false) {
  SourceTypes source;
  StringPool strings;
  TypeFolder folder;
  for (const char* name : {first, second}) {
    tell_anonymous(source, strings, name);
    folder.fold(source, strings, may_be_referred_to);
  }
  return source.types.size();
}

TEST(FoldTypes, AnonymousTypesAreTheSameIfTheSameTypedefNamesThem) {
  EXPECT_EQ(left_of("pair", "pair"), 5u);  // void, int, the structure, the pointer, the typedef
  EXPECT_EQ(left_of("pair", "other"), 5u + 3);  // but for int, all of the second
  EXPECT_EQ(left_of("pair", nullptr), 5u + 2);
  EXPECT_EQ(left_of("pair", "pair", true), 5u + 3);  // a later unit might name one of them
}

TEST(FoldTypes, SingularNodesAndWhatLeadsToThemStay) {
  SourceTypes source;
  StringPool strings;
  TypeFolder folder;
  for (int unit = 0; unit < 3; ++unit) {
    const Unit told = tell_anonymous(source, strings, "pair");
    if (unit != 0) source.singular.push_back(told.anonymous);
    folder.fold(source, strings, false);
  }
  EXPECT_EQ(source.types.size(), 5u + 3 + 3);
  EXPECT_TRUE(source.singular.empty());
}

TEST(FoldTypes, ASingularNodeThatWaitsStaysSingular) {
  SourceTypes source;
  StringPool strings;
  TypeFolder folder;
  const TypeIndex late = source.add(of_kind(kKindUnfilled));
  source.add(of_kind(Kind::address, late));
  TypeIndex singular = source.add(of_kind(Kind::address, late));
  source.singular.push_back(singular);
  singular = folder.fold(source, strings, true)(singular);
  EXPECT_EQ(source.types.size(), 4u);
  source.types[late] = of_kind(Kind::base, kNoType, strings.add("int"));
  source.add(of_kind(Kind::address, late));
  folder.fold(source, strings, true);
  EXPECT_EQ(source.types.size(), 4u);  // the last pointer is the first one; not the singular one
}

}  // namespace
}  // namespace allocs::types
