// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/dwarf_facts.h"
#include "meta/object_file.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Fills model.statics and model.tls: what the debug information places, then the symbols that it does not know. At
// each address there is one record: the debug information's, else the best of the symbols there. `index_of` gives for
// each type of `facts` the one in the model.
void collect_statics(const ObjectFiles& files, const DwarfFacts& facts,
                     std::span<const types::TypeIndex> index_of, types::ObjectModel& model);

// Fills model.functions, model.variables and model.locations.
void collect_functions(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                       types::ObjectModel& model);

// The name that an image gives to a variable or a function: "f::x" for f's local static x.
types::StringRef full_name(const DwarfFacts& facts, EntityIndex entity, types::StringPool& strings);

}  // namespace allocs::meta
