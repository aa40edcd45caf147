// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "meta/code_scopes.h"
#include "meta/line_table.h"
#include "meta/listed_types.h"
#include "meta/told_sites.h"

namespace allocs::meta {

// What the site lists of an object say about its call instructions: an answer for each of `calls`, which are sorted by address.
// May add pointer and array types to the model.
std::vector<ToldSite> join_site_lists(std::span<const SiteList> lists,
                                      std::span<const CallInstruction> calls,
                                      std::span<const SourceLine> lines, const DwarfFacts& facts,
                                      types::ObjectModel& model);

}  // namespace allocs::meta
