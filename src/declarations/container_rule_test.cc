// SPDX-License-Identifier: Apache-2.0
#include "declarations/container_rule.h"

#include <gtest/gtest.h>

#include "declarations/declarations.h"
#include "declarations/libraries.h"

namespace allocs::declarations {
namespace {

std::string problem_of(std::string_view text) {
  ContainerRule rule;
  const auto problem = parse_container(text, rule);
  return problem ? std::to_string(problem->at) + ": " + problem->text : "none";
}

TEST(ContainerRule, SaysWhereElementsAre) {
  ContainerRule rule;
  EXPECT_FALSE(parse_container(
      "my::list chain head.first until head node my::node<$0> next n element v of $0 "
      "if head.used",
      rule));
  EXPECT_EQ(rule.name, "my::list");
  EXPECT_FALSE(rule.is_prefix);
  EXPECT_EQ(rule.form, ContainerForm::chain);
  EXPECT_EQ(rule.places, (std::array<std::string, kMostPlaces>{"head.first", "head", "n", "v"}));
  EXPECT_EQ(rule.node, "my::node<$0>");
  EXPECT_EQ(rule.element, "$0");
  EXPECT_EQ(rule.test, ContainerRule::Test::if_set);
  EXPECT_EQ(rule.tested, "head.used");
}

TEST(ContainerRule, WhatEndsInAStarIsABeginning) {
  ContainerRule rule;
  EXPECT_FALSE(parse_container("&[* array data_ptr length length", rule));
  EXPECT_TRUE(rule.is_prefix);
  EXPECT_EQ(rule.name, "&[");
}

TEST(ContainerRule, MistakesAreToldWithTheirPlaces) {
  EXPECT_EQ(problem_of(""), "0: expected the name of a container");
  EXPECT_EQ(problem_of("* as c"), "0: expected a name in front of the *");
  EXPECT_EQ(
      problem_of("v row a"),
      "2: expected one of: array, inside, target, bits, chain, tree, blocks, pages, as, variant");
  EXPECT_EQ(problem_of("v array"), "7: expected a member");
  EXPECT_EQ(problem_of("v array a"), "9: expected either 'to' or 'length', and a member");
  EXPECT_EQ(problem_of("v array a to b length c"),
            "23: expected either 'to' or 'length', and a member");
  EXPECT_EQ(problem_of("v array a to b to c"), "18: this has been said");
  EXPECT_EQ(problem_of("v array a next b"), "10: 'next' says nothing of 'array'");
  EXPECT_EQ(problem_of("v chain a node n element e"), "26: expected 'next' and a member");
  EXPECT_EQ(problem_of("v chain a next b element e"), "26: expected 'node' and the type of a node");
  EXPECT_EQ(problem_of("v pages a from b length c"),
            "25: expected 'bytes' and how many a page has");
  EXPECT_EQ(problem_of("v pages a from b length c bytes x"), "32: expected a number above 0");
  EXPECT_EQ(problem_of("v bits a to b"),
            "13: expected either 'to' and 'plus', or 'length', with members");
  EXPECT_EQ(problem_of("v as c if"), "9: expected a member");
}

TEST(ContainerRule, WhatIsBuiltInHasNoMistakes) {
  Declarations built_in;
  built_in.add_file("containers.allocs", kContainers);
  EXPECT_TRUE(built_in.problems().empty()) << built_in.problems().front();
  EXPECT_EQ(containers_of_libraries().size(), built_in.containers().size());
  EXPECT_FALSE(containers_of_libraries().empty());
}

TEST(ContainerRule, UsersDeclareThemInTheirFiles) {
  Declarations all = Declarations::of_libraries();
  EXPECT_TRUE(all.containers().empty());
  all.add_file("config", "container one as c\ncontainer two as c # mine\ncontainer three as\n");
  EXPECT_TRUE(all.has_users());
  ASSERT_EQ(all.containers().size(), 2u);
  EXPECT_EQ(all.containers()[0].name, "one");
  EXPECT_EQ(all.containers()[1].name, "two");
  ASSERT_EQ(all.problems().size(), 1u);
  EXPECT_EQ(all.problems()[0], "config:3:19: expected a member");
}

}  // namespace
}  // namespace allocs::declarations
