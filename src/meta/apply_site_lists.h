// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/code_scan.h"
#include "meta/diagnostics.h"
#include "meta/dwarf_facts.h"
#include "meta/linkage.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Lets the site lists that the object carries overrule what was inferred for model.sites, which are sorted by return address and stay
// so, and adds the sites of calls that only the lists know.
void apply_site_lists(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                      const DwarfFacts& facts, types::ObjectModel& model, Diagnostics& diag);

}  // namespace allocs::meta
