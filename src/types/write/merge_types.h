// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "types/write/source_types.h"
#include "types/write/string_pool.h"
#include "types/write/type_graph.h"

namespace allocs::types {

struct MergedTypes {
  TypeTables tables;                 // one record per distinct type, hashed and named; void first
  std::vector<AliasRecord> aliases;  // typedefs and spellings of base types, each pair once
  std::vector<TypeIndex> index_of;   // for each source node the record that stands for it
};

// The distinct types among `source`. Declarations become the definition of the same qualified name, if the object has
// exactly one; the others stay incomplete. Order: by first appearance. `source` is used up.
MergedTypes merge_equal_types(SourceTypes& source, StringPool& strings);

}  // namespace allocs::types
