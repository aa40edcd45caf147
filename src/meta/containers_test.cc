// SPDX-License-Identifier: Apache-2.0
#include "meta/containers.h"

#include <gtest/gtest.h>

#include "meta/member_places.h"
#include "meta/named_types.h"

namespace allocs::meta {
namespace {

using declarations::ContainerRule;
using types::ContainerRecord;
using types::ContainerShape;
using types::ContainerTest;
using types::kNoType;
using types::MemberRecord;
using types::TypeIndex;

constexpr std::uint8_t kSigned = 5;

// Types by hand, and the records that rules make of them.
class Model {
 public:
  Model() {
    integer = model.types.base_type(kSigned, 4, "int");
    number = model.types.base_type(kSigned, 8, "long int");
    pointer = model.types.pointer_to(integer);
  }
  struct Member {
    std::uint64_t offset;
    std::string_view name;
    TypeIndex type;
    std::uint32_t flags = 0;
  };
  TypeIndex structure(std::string_view name, std::uint64_t size, std::vector<Member> members) {
    std::vector<MemberRecord> records;
    for (const Member& each : members)
      records.push_back({each.offset, model.strings.add(each.name), each.type, 0, each.flags});
    return model.types.structure(model.strings.add(name), records, size);
  }
  std::vector<ContainerRecord> made_by(std::vector<std::string_view> lines) {
    std::vector<ContainerRule> rules;
    for (const std::string_view line : lines) {
      ContainerRule rule;
      EXPECT_FALSE(declarations::parse_container(line, rule)) << line;
      rules.push_back(rule);
    }
    model.containers.clear();
    add_containers(rules, {}, model);
    return model.containers;
  }

  types::ObjectModel model;
  TypeIndex integer, number, pointer;
};

TEST(NamedTypes, TemplateArgumentsAreThoseOfTheOutermostTemplate) {
  using Texts = std::vector<std::string_view>;
  EXPECT_EQ(template_arguments("a::b<int,c<d,e>,f(g,h)>"), (Texts{"int", "c<d,e>", "f(g,h)"}));
  EXPECT_EQ(template_arguments("a"), Texts{});
  EXPECT_EQ(template_arguments("a<b>::c"), Texts{});
  EXPECT_EQ(template_arguments("a<b"), Texts{});
  EXPECT_EQ(template_arguments("a<>"), Texts{});
}

TEST(NamedTypes, PointersAreMadeAndAmbiguousNamesAreNone) {
  Model m;
  NamedTypes names(m.model);
  EXPECT_EQ(names.find("int"), m.integer);
  EXPECT_EQ(names.find("int const*"), m.pointer);
  EXPECT_EQ(names.find("int*const*"), m.model.types.pointer_to(m.pointer));
  EXPECT_EQ(names.find("void"), types::TypeGraph::kVoid);
  EXPECT_EQ(names.find("nothing"), kNoType);
  Model twice;
  twice.structure("same", 4, {{0, "x", twice.integer}});
  twice.structure("same", 8, {{0, "x", twice.number}});
  EXPECT_EQ(NamedTypes(twice.model).find("same"), kNoType);
}

TEST(MemberPlaces, GoThroughMembersBasesAndPointers) {
  Model m;
  const TypeIndex head = m.structure("n::head<int>", 16, {{8, "value", m.number}});
  const TypeIndex other = m.structure("n::head<long>", 16, {{4, "value", m.integer}});
  const TypeIndex both = m.structure("both", 48,
                                     {{0, "n::head<long>", other, types::kMemberBaseClass},
                                      {16, "n::head<int>", head, types::kMemberBaseClass},
                                      {32, "to", m.model.types.pointer_to(head)},
                                      {40, "own", m.integer}});
  const auto at = [&](std::string_view path) { return find_member(m.model, both, path); };
  ASSERT_TRUE(at("own"));
  EXPECT_EQ(at("own")->place.offsets[0], 40u);
  EXPECT_EQ(at("own")->place.size, 4u);
  EXPECT_EQ(at("value")->place.offsets[0], 4u);  // of the first base
  EXPECT_EQ(at("n::head<int>.value")->place.offsets[0], 24u);
  ASSERT_TRUE(at("to->value"));
  EXPECT_EQ(at("to->value")->place.hops, 1u);
  EXPECT_EQ(at("to->value")->place.offsets[0], 32u);
  EXPECT_EQ(at("to->value")->place.offsets[1], 8u);
  EXPECT_EQ(at("to->value")->type, m.number);
  EXPECT_FALSE(at("none"));
  EXPECT_FALSE(at("own.x"));
  EXPECT_FALSE(at("own->x"));
  EXPECT_FALSE(at(""));
}

TEST(Containers, TheFirstRuleWhoseMembersAreThereCounts) {
  Model m;
  const TypeIndex vector =
      m.structure("v<int>", 16, {{0, "from", m.pointer}, {8, "to", m.pointer}});
  const auto records =
      m.made_by({"v array begin to end", "v array from to to", "v array from length to"});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].type, vector);
  EXPECT_EQ(records[0].element, m.integer);
  EXPECT_EQ(records[0].element_size, 4u);
  EXPECT_EQ(records[0].places[1].offsets[0], 8u);
}

TEST(Containers, AMemberThatIsTheContainerMovesItsPlaces) {
  Model m;
  const TypeIndex node =
      m.structure("node<int>", 16, {{0, "next", m.pointer}, {8, "value", m.integer}});
  const TypeIndex list =
      m.structure("list<int>", 8, {{0, "first", m.model.types.pointer_to(node)}});
  m.structure("stack", 24, {{16, "items", list}});
  const auto records =
      m.made_by({"list chain first node node<$0> next next element value of $0", "stack as items"});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].places[0].offsets[0], 0u);
  EXPECT_EQ(records[1].places[0].offsets[0], 16u);
  EXPECT_EQ(records[1].places[3].offsets[0], 8u);  // in the node: as it was
}

TEST(Containers, WhatLiesInsideHasToBeWhatTheRuleSays) {
  Model m;
  const TypeIndex empty = m.structure("nobody", 1, {});
  m.structure("a<int,0>", 1, {{0, "items", empty}});
  m.structure("a<int,3>", 12, {{0, "items", m.model.types.array_of(m.integer, 3)}});
  const auto records = m.made_by({"a inside items of $0"});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].number, 3u);
  EXPECT_EQ(m.made_by({"a inside items"}).size(), 1u);
}

TEST(Containers, AVariantIsToldWithAllItsAlternativesOrNotAtAll) {
  Model m;
  const std::vector<Model::Member> members{{0, "u", m.number}, {8, "index", m.integer}};
  m.structure("v<int,long>", 16, members);
  m.structure("v<int,unknown>", 16, members);
  const auto records = m.made_by({"v variant u index index"});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].test, ContainerTest::is_equal);
  EXPECT_EQ(records[0].equal, 0u);
  EXPECT_EQ(records[0].element, m.integer);
  EXPECT_EQ(records[1].equal, 1u);
  EXPECT_EQ(records[1].element, m.number);
}

TEST(Containers, ATestNeedsANumber) {
  Model m;
  const TypeIndex flag = m.structure("flag", 1, {{0, "value", m.integer}});
  m.structure("box", 16, {{0, "is_set", flag}, {8, "to", m.pointer}});
  EXPECT_TRUE(m.made_by({"box target to if is_set"}).empty());
  const auto records = m.made_by({"box target to unless is_set.value"});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].shape, ContainerShape::target);
  EXPECT_EQ(records[0].test, ContainerTest::is_clear);
}

}  // namespace
}  // namespace allocs::meta
