// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/code_scan.h"
#include "meta/diagnostics.h"
#include "meta/dwarf_facts.h"
#include "meta/linkage.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Lets what compilers told of calls (allocated types and site ids in the debug information, site lists) overrule what was inferred for model.sites, which
// are sorted by return address and stay so, and adds the sites of calls that only a compiler knows. `index_of` says which
// type of the model each of facts.types became.
void apply_compiler_sites(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                          const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                          types::ObjectModel& model, Diagnostics& diag);

}  // namespace allocs::meta
