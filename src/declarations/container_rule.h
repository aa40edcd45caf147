// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "declarations/declaration.h"

// What is declared of one container: where in an object of such a type the elements are. `docs/formats/containers.md` has the language.
namespace allocs::declarations {

// The first eight have the places of types::ContainerShape, in its order.
enum class ContainerForm : std::uint8_t {
  array,
  inside,
  target,
  bits,
  chain,
  tree,
  blocks,
  pages,
  as,      // a member is the container
  variant  // one of the template's arguments lies in a member, by an index
};
inline constexpr std::size_t kMostPlaces = 6;

struct ContainerRule {
  enum class Test : std::uint8_t { none, if_set, unless_set };

  std::string name;        // of the template or type, without arguments
  bool is_prefix = false;  // whatever begins so
  ContainerForm form = ContainerForm::array;
  std::array<std::string, kMostPlaces> places;  // members: "a.b->c"; empty: not said
  std::string node;                             // the type of nodes
  std::string element;                          // the type of elements; empty: the places say it
  std::uint64_t bytes = 0;                      // pages: of one
  std::uint64_t least = 0;                      // pages: elements of one at least
  Test test = Test::none;
  std::string tested;
};

// Reads what follows the word `container`. `result` is whole only if there is no problem.
std::optional<Problem> parse_container(std::string_view text, ContainerRule& result);

}  // namespace allocs::declarations
