// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "declarations/declarations.h"
#include "meta/build_metadata.h"
#include "meta/call_frames.h"
#include "meta/code_scan.h"
#include "meta/diagnostics.h"
#include "meta/dwarf_facts.h"
#include "meta/linkage.h"
#include "meta/virtual_tables.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Adds to model.sites every call of an allocation function, be it one of `declared` or found to be one, in the object's code, typed by what compilers told of them, else
// where the code and the debug information leave no doubt. Needs the types, statics and functions of `model` to be complete; adds
// array and pointer types.
void read_allocation_sites(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                           CallFrames& frames, const VirtualTables& virtual_tables,
                           const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                           const declarations::Declarations& declared, SiteWitnesses witnesses,
                           types::ObjectModel& model, Diagnostics& diag);

}  // namespace allocs::meta
