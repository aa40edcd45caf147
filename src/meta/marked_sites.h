// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/dwarf_facts.h"
#include "meta/line_table.h"
#include "meta/told_sites.h"

namespace allocs::meta {

// What clang's plugin left in the debug information (types/site_id.h) about call instructions: an answer for each of `calls`, which
// are sorted by address. `lines` are their rows in the line table, `index_of` says which type of the model each of
// facts.types became. May add types.
std::vector<ToldSite> read_marked_sites(const DwarfFacts& facts,
                                        std::span<const types::TypeIndex> index_of,
                                        std::span<const CallInstruction> calls,
                                        std::span<const SourceLine> lines,
                                        types::ObjectModel& model);

}  // namespace allocs::meta
