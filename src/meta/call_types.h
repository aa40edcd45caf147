// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/dwarf_facts.h"
#include "meta/told_sites.h"

namespace allocs::meta {

// What the entries of calls in the debug information say that they allocate: an answer for each of `calls`. `index_of` says which
// type of the model each of facts.types became. May add types.
std::vector<ToldSite> read_call_types(const DwarfFacts& facts,
                                      std::span<const types::TypeIndex> index_of,
                                      std::span<const CallInstruction> calls,
                                      types::TypeGraph& types);

}  // namespace allocs::meta
