// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "meta/code_scan.h"
#include "meta/linkage.h"
#include "types/site_id.h"
#include "types/write/object_model.h"

// What a compiler that saw the source told of calls, in whichever way it came here, and how it changes what was inferred.
namespace allocs::meta {

// A call instruction, as far as the code tells; or a jump to another function, which ends in a call's place.
struct CallInstruction {
  std::uint64_t at = 0;
  std::vector<std::string_view>
      callees;  // all names of the function; empty: called through a pointer
  std::uint64_t constant_size =
      0;  // the bytes it asks for, if they are known to be constant; else 0
  std::uint64_t return_address = 0;  // 0: a jump
};

// All of an object, by address. Of those in model.sites, the constant size is known.
std::vector<CallInstruction> all_calls(const Linkage& linkage, const CodeScan& scan,
                                       types::ObjectModel& model);

enum class Told : std::uint8_t {
  nothing,  // the call is not among those that were told of, or its type is not known
  a_type,   // this one
  wrapper,  // the type is its caller's business
  refuted,  // it is another one than this, which nobody knows
  several,  // the instruction stands for calls of different types
};

struct ToldSite {
  Told what = Told::nothing;
  types::TypeIndex type = types::kNoType;  // of the whole block
  types::Shape shape = types::Shape::unknown;
  types::Provenance provenance = types::Provenance::none;
  std::uint8_t evidence = 0;     // SiteEvidence
  std::uint8_t flags = 0;        // SiteFlag
  bool is_used_as_told = false;  // by the function that allocates: it is no wrapper
};

// std::allocator's source asks for any number of elements of `element_size` bytes; where it was inlined, the code shows that a
// container's node is one.
bool is_one_node(const types::SiteKind& kind, std::uint64_t element_size,
                 const CallInstruction& call);

// A site of the given kind: `type` is T and `tail` is U (or kNoType); neither counts for a wrapper. `others` is what it is if not T, where the kind says so. May
// add types.
ToldSite told_site(const types::SiteKind& kind, types::TypeIndex type, types::TypeIndex tail,
                   types::TypeGraph& types, std::span<const types::TypeIndex> others = {});

// U of the member U[] that a marker has for it; kNoType of none.
types::TypeIndex tail_of(types::TypeIndex member, const types::TypeGraph& types);

// Makes it the site's, whatever was known of that. What is no type says none.
void apply_told(const ToldSite& told, types::SiteRecord& site);

void sort_by_return_address(std::vector<types::SiteRecord>& sites);

// Lets what was told of `calls`, one for each, overrule what was inferred for model.sites, which are sorted by return address and
// stay so, and adds the sites of calls that were only told of.
void overrule_sites(std::span<const CallInstruction> calls, std::span<const ToldSite> told,
                    types::ObjectModel& model);

}  // namespace allocs::meta
