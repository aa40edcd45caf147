// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "types/write/string_pool.h"
#include "types/write/type_tables.h"

namespace allocs::types {

// The canonical name of a type, from the canonical names of the types it is built from, as docs/formats/metadata.md
// has it. Tagged types keep the name they have.
std::string canonical_name(const TypeRecord& type, const TypeTables& tables,
                           const StringPool& strings);

// Gives every type its canonical name, then its human one. `spelling` has the source's word for each base type (or 0).
void name_types(TypeTables& tables, StringPool& strings, std::span<const StringRef> spelling);

}  // namespace allocs::types
