// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "meta/code_scopes.h"
#include "meta/line_table.h"
#include "meta/listed_types.h"

namespace allocs::meta {

// A call instruction, as far as the code tells; or a jump to another function, which ends in a call's place.
struct CallInstruction {
  std::uint64_t at = 0;
  std::vector<std::string_view>
      callees;  // all names of the function; empty: called through a pointer
  std::uint64_t constant_size =
      0;  // the bytes it asks for, if they are known to be constant; else 0
};

enum class ListSays : std::uint8_t {
  nothing,  // the call is not in the lists, or they do not know its type
  a_type,   // this one
  wrapper,  // the type is its caller's business
  several,  // the instruction stands for calls of different types
};

struct ListedAnswer {
  ListSays says = ListSays::nothing;
  types::TypeIndex type = types::kNoType;  // of the whole block
  types::Shape shape = types::Shape::unknown;
  types::Provenance provenance = types::Provenance::none;
  std::uint8_t evidence = 0;  // SiteEvidence
};

// What the site lists of an object say about its call instructions: an answer for each of `calls`, which are sorted by address.
// May add pointer and array types to the model.
std::vector<ListedAnswer> join_site_lists(std::span<const SiteList> lists,
                                          std::span<const CallInstruction> calls,
                                          std::span<const SourceLine> lines,
                                          const DwarfFacts& facts, types::ObjectModel& model);

}  // namespace allocs::meta
