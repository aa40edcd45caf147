// SPDX-License-Identifier: Apache-2.0
#include "types/write/merge_types.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace allocs::types {
namespace {

// Reads source types from text, one a line, and gives back what merging makes of them.
//
//   unit: struct NAME [: SIZE { MEMBER @OFFSET TYPE  ... }]      without a body: a declaration; NAME "-": anonymous
//   unit: typedef NAME = TYPE
//
// TYPE is int, char or void, a name told for the same unit, or *TYPE, [N]TYPE, [ ]TYPE, const TYPE. The result has a
// line for each tagged type, before it the units that told it.
class Scenario {
 public:
  explicit Scenario(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(':') != line.npos) read(line);
    }
    merged = merge_equal_types(source, strings);
  }

  std::string tagged() const {
    std::map<TypeIndex, std::string> lines;
    for (const auto& [unit, node] : tags_) lines[merged.index_of[node]] += unit + " ";
    std::string text;
    for (auto& [index, units] : lines) {
      units.back() = ':';
      text += "\n    " + units + " " + describe(merged.tables.types[index]);
    }
    return text + "\n  ";
  }

  std::string type_named(const std::string& unit, const std::string& name) {
    return std::string{strings[merged.tables.types[merged.index_of[named_[unit + name]]].name]};
  }
  Hash128 hash_of(const std::string& unit, const std::string& name) {
    return merged.tables.types[merged.index_of[named_[unit + name]]].hash;
  }

  SourceTypes source;
  StringPool strings;
  MergedTypes merged;

 private:
  void read(const std::string& line) {
    std::istringstream words(line);
    std::string unit;
    std::string what;
    std::string name;
    words >> unit >> what >> name;
    unit.pop_back();
    if (what == "typedef") {
      std::string equals;
      TypeRecord type;
      type.kind = kKindTypedef;
      type.name = strings.add(name);
      words >> equals;
      type.target = read_type(words, unit);
      source.types[node_of(unit, name)] = type;
      return;
    }
    TypeRecord type;
    type.kind = Kind::composite;
    type.detail = static_cast<std::uint8_t>(what == "union" ? CompositeKind::union_
                                                            : CompositeKind::structure);
    const TypeIndex node = node_of(unit, name);
    const bool is_anonymous = name.starts_with('-');
    type.name = is_anonymous ? 0 : strings.add(name);
    if (is_anonymous) {
      type.file = strings.add("dir/" + unit);
      type.line = 1;
    }
    std::string colon;
    if (words >> colon) {
      words >> type.size >> colon;
      type.first = static_cast<std::uint32_t>(source.members.size());
      std::vector<MemberRecord> members;
      for (std::string member, at; words >> member && member != "}";) {
        words >> at;
        MemberRecord record;
        record.name = strings.add(member);
        record.offset = std::stoull(at.substr(1));
        record.type = read_type(words, unit);
        members.push_back(record);
      }
      type.first = static_cast<std::uint32_t>(source.members.size());
      type.count = members.size();
      source.members.insert(source.members.end(), members.begin(), members.end());
    } else {
      type.flags = kTypeIncomplete;
      type.size = kUnknownSize;
    }
    source.types[node] = type;
    tags_.emplace_back(unit, node);
  }

  TypeIndex read_type(std::istringstream& words, const std::string& unit) {
    std::string text;
    words >> text;
    if (text == "const") {
      TypeRecord type;
      type.kind = kKindQualifier;
      type.detail = static_cast<std::uint8_t>(Qualifier::const_);
      type.target = read_type(words, unit);
      return source.add(type);
    }
    return type_from(text, unit);
  }

  TypeIndex type_from(const std::string& text, const std::string& unit) {
    TypeRecord type;
    if (text[0] == '*') {
      type.kind = Kind::address;
      type.target = type_from(text.substr(1), unit);
      return source.add(type);
    }
    if (text[0] == '[') {
      const auto end = text.find(']');
      type.kind = Kind::array;
      type.count = end == 1 ? kUnbounded : std::stoull(text.substr(1, end - 1));
      type.target = type_from(text.substr(end + 1), unit);
      return source.add(type);
    }
    if (text == "void") return 0;
    if (text != "int" && text != "char") return node_of(unit, text);
    type.kind = Kind::base;
    type.detail = text == "int" ? 5 : 6;
    type.size = text == "int" ? 4 : 1;
    type.name = strings.add(text);
    return source.add(type);
  }

  TypeIndex node_of(const std::string& unit, const std::string& name) {
    const auto [at, is_new] =
        named_.try_emplace(unit + name, static_cast<TypeIndex>(source.types.size()));
    if (is_new) {
      TypeRecord unfilled;
      unfilled.kind = kKindUnfilled;
      source.add(unfilled);
    }
    return at->second;
  }

  std::string describe(const TypeRecord& type) const {
    std::string text{strings[type.human_name]};
    if ((type.flags & kTypeIncomplete) != 0) return text;
    text += " : " + std::to_string(type.size) + " {";
    for (const MemberRecord& member : merged.tables.members_of(type)) {
      text += " " + std::string{strings[member.name]} + " @" + std::to_string(member.offset) + " " +
              std::string{strings[merged.tables.types[member.type].name]};
      if (member.alias != 0) text += " \"" + std::string{strings[member.alias]} + "\"";
    }
    return text + " }";
  }

  std::map<std::string, TypeIndex> named_;
  std::vector<std::pair<std::string, TypeIndex>> tags_;
};

std::string merged(const std::string& text) { return Scenario{text}.tagged(); }

TEST(MergeEqualTypes, SameStructInTwoUnitsBecomesOneNode) {
  EXPECT_EQ(merged(R"(
    a.c: struct point : 8 { x @0 int  y @4 int }
    b.c: struct point : 8 { x @0 int  y @4 int }
  )"),
            R"(
    a.c b.c: struct point : 8 { x @0 int$32 y @4 int$32 }
  )");
}

TEST(MergeEqualTypes, OneNameWithTwoLayoutsStaysTwoTypes) {
  EXPECT_EQ(merged(R"(
    a.c: struct state : 4 { x @0 int }
    b.c: struct state : 4 { y @0 int }
    c.c: struct state : 1 { x @0 char }
  )"),
            R"(
    a.c: struct state : 4 { x @0 int$32 }
    b.c: struct state : 4 { y @0 int$32 }
    c.c: struct state : 1 { x @0 signed_char$8 }
  )");
}

TEST(MergeEqualTypes, AListNodeIsEqualToItself) {
  EXPECT_EQ(merged(R"(
    a.c: struct node : 16 { next @0 *node  value @8 int }
    b.c: struct node : 16 { next @0 *node  value @8 int }
  )"),
            R"(
    a.c b.c: struct node : 16 { next @0 __PTR_node value @8 int$32 }
  )");
}

TEST(MergeEqualTypes, TypesThatDifferOnlyFarAwayAreDifferent) {
  EXPECT_EQ(merged(R"(
    a.c: struct a : 8 { b @0 *b }
    a.c: struct b : 8 { c @0 *c }
    a.c: struct c : 16 { a @0 *a  n @8 int }
    b.c: struct a : 8 { b @0 *b }
    b.c: struct b : 8 { c @0 *c }
    b.c: struct c : 16 { a @0 *a  n @8 char }
  )"),
            R"(
    a.c: struct a : 8 { b @0 __PTR_b }
    a.c: struct b : 8 { c @0 __PTR_c }
    a.c: struct c : 16 { a @0 __PTR_a n @8 int$32 }
    b.c: struct a : 8 { b @0 __PTR_b }
    b.c: struct b : 8 { c @0 __PTR_c }
    b.c: struct c : 16 { a @0 __PTR_a n @8 signed_char$8 }
  )");
}

TEST(MergeEqualTypes, ADeclarationMeansTheOnlyDefinition) {
  EXPECT_EQ(merged(R"(
    a.c: struct file : 8 { ops @0 *ops }
    a.c: struct ops
    b.c: struct ops : 4 { x @0 int }
  )"),
            R"(
    a.c: struct file : 8 { ops @0 __PTR_ops }
    a.c b.c: struct ops : 4 { x @0 int$32 }
  )");
}

TEST(MergeEqualTypes, UnitsThatSeeDifferentHalvesOfACycleAgree) {
  EXPECT_EQ(merged(R"(
    a.c: struct a : 8 { b @0 *b }
    a.c: struct b
    b.c: struct b : 8 { a @0 *a }
    b.c: struct a
    c.c: struct a : 8 { b @0 *b }
    c.c: struct b : 8 { a @0 *a }
  )"),
            R"(
    a.c b.c c.c: struct a : 8 { b @0 __PTR_b }
    a.c b.c c.c: struct b : 8 { a @0 __PTR_a }
  )");
}

TEST(MergeEqualTypes, ADeclarationOfAnAmbiguousNameStaysIncomplete) {
  EXPECT_EQ(merged(R"(
    a.c: struct state : 4 { x @0 int }
    b.c: struct state : 1 { x @0 char }
    c.c: struct state
    c.c: struct user : 8 { s @0 *state }
  )"),
            R"(
    a.c: struct state : 4 { x @0 int$32 }
    b.c: struct state : 1 { x @0 signed_char$8 }
    c.c: struct state
    c.c: struct user : 8 { s @0 __PTR_state }
  )");
}

TEST(MergeEqualTypes, ANameThatTurnsOutAmbiguousDeepDownIsLeftAlone) {
  EXPECT_EQ(merged(R"(
    a.c: struct ctx : 8 { s @0 *state }
    a.c: struct state : 4 { x @0 int }
    b.c: struct ctx : 8 { s @0 *state }
    b.c: struct state : 1 { x @0 char }
    c.c: struct ctx
  )"),
            R"(
    a.c: struct ctx : 8 { s @0 __PTR_state }
    a.c: struct state : 4 { x @0 int$32 }
    b.c: struct ctx : 8 { s @0 __PTR_state }
    b.c: struct state : 1 { x @0 signed_char$8 }
    c.c: struct ctx
  )");
}

TEST(MergeEqualTypes, UnionsAndStructsOfOneNameHaveNothingInCommon) {
  EXPECT_EQ(merged(R"(
    a.c: union u : 4 { x @0 int }
    b.c: struct u
  )"),
            R"(
    a.c: union u : 4 { x @0 int$32 }
    b.c: struct u
  )");
}

TEST(MergeEqualTypes, TypedefsAndQualifiersAreRememberedOnlyAsSpellings) {
  EXPECT_EQ(merged(R"(
    a.c: typedef word = int
    a.c: struct s : 24 { w @0 word  c @4 const int  p @8 const *char  a @16 [2]int }
  )"),
            R"(
    a.c: struct s : 24 { w @0 int$32 "word" c @4 int$32 "const int" p @8 __PTR_signed_char$8 "char *const" a @16 __ARR2_int$32 }
  )");
}

TEST(MergeEqualTypes, TheSpellingDoesNotTellTypesApart) {
  EXPECT_EQ(merged(R"(
    a.c: typedef word = int
    a.c: struct s : 4 { w @0 word }
    b.c: struct s : 4 { w @0 int }
  )"),
            R"(
    a.c b.c: struct s : 4 { w @0 int$32 "word" }
  )");
}

TEST(MergeEqualTypes, AnAnonymousStructTakesTheNameOfItsTypedef) {
  EXPECT_EQ(merged(R"(
    a.c: struct -1 : 4 { x @0 int }
    a.c: typedef point = -1
    b.c: struct -1 : 4 { x @0 int }
    b.c: typedef point = -1
  )"),
            R"(
    a.c b.c: point : 4 { x @0 int$32 }
  )");
}

TEST(MergeEqualTypes, AnAnonymousStructWithoutASingleTypedefIsCalledByItsPlace) {
  EXPECT_EQ(merged(R"(
    a.c: struct -1 : 4 { x @0 int }
    a.c: typedef p = -1
    a.c: typedef q = -1
  )"),
            R"(
    a.c: struct __anon_struct_a.c_1 : 4 { x @0 int$32 }
  )");
}

TEST(MergeEqualTypes, TypedefCyclesAndDanglingReferencesAreVoid) {
  Scenario scenario(R"(
    a.c: typedef p = q
    a.c: typedef q = p
    a.c: typedef r = nowhere
  )");
  EXPECT_EQ(scenario.type_named("a.c", "p"), "void");
  EXPECT_EQ(scenario.type_named("a.c", "r"), "void");
}

TEST(MergeEqualTypes, HashesDoNotDependOnTheOrderOfUnitsOrMembersOfACycle) {
  Scenario one(R"(
    a.c: struct a : 16 { b @0 *b  c @8 *c }
    a.c: struct b : 8 { a @0 *a }
    a.c: struct c : 8 { b @0 *b }
  )");
  Scenario other(R"(
    z.c: struct z : 4 { x @0 int }
    b.c: struct c : 8 { b @0 *b }
    b.c: struct b : 8 { a @0 *a }
    b.c: struct a : 16 { b @0 *b  c @8 *c }
  )");
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(one.hash_of("a.c", name), other.hash_of("b.c", name)) << name;
  EXPECT_NE(one.hash_of("a.c", "b"), one.hash_of("a.c", "c"));
}

TEST(MergeEqualTypes, HashOfACycleIsNotChangedByRepeatingPartOfIt) {
  // b.c's list goes through a declaration: the cycle is seen once more before it closes.
  Scenario plain("a.c: struct node : 8 { next @0 *node }");
  Scenario unrolled(R"(
    a.c: struct node : 8 { next @0 *node }
    b.c: struct node
    b.c: struct head : 8 { first @0 *node }
  )");
  EXPECT_EQ(plain.hash_of("a.c", "node"), unrolled.hash_of("b.c", "node"));
}

TEST(MergeEqualTypes, DerivedTypesHaveTheHashesThatTheRunTimeGivesThem) {
  Scenario scenario(R"(
    a.c: struct s : 4 { x @0 int }
    a.c: typedef p = *s
    a.c: typedef v = [3]s
    a.c: typedef u = []s
  )");
  const Hash128 s = scenario.hash_of("a.c", "s");
  EXPECT_EQ(scenario.hash_of("a.c", "p"), hash_of_address(AddressKind::pointer, s));
  EXPECT_EQ(scenario.hash_of("a.c", "v"), hash_of_array(s, 3));
  EXPECT_EQ(scenario.hash_of("a.c", "u"), hash_of_array(s, kUnbounded));
}

TEST(TypeGraph, DerivesEachTypeOnce) {
  Scenario scenario("a.c: struct s : 4 { x @0 int }");
  const TypeIndex s = scenario.merged.index_of[1];
  TypeGraph graph(scenario.strings, scenario.merged.tables, scenario.merged.aliases);
  const TypeIndex array = graph.unbounded_array_of(s);
  EXPECT_EQ(scenario.strings[graph[array].name], "__ARR0_s");
  EXPECT_EQ(scenario.strings[graph[array].human_name], "struct s[]");
  EXPECT_EQ(graph[array].size, kUnknownSize);
  EXPECT_EQ(graph.unbounded_array_of(s), array);
  EXPECT_EQ(graph.array_of(s, 0), array);
  EXPECT_EQ(graph[graph.array_of(s, 5)].size, 20u);
  EXPECT_EQ(scenario.strings[graph[graph.pointer_to(graph.pointer_to(s))].human_name],
            "struct s **");
}

}  // namespace
}  // namespace allocs::types
