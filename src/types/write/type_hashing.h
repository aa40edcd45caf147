// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "types/write/string_pool.h"
#include "types/write/type_tables.h"

namespace allocs::types {

// The hash of each type by the algorithm of types/type_hash.h. `stands_for[i]` is the type that is meant wherever
// type i is referred to (i itself for most): it sees through typedefs, and through declarations to their definitions.
// Only types with stands_for[i] == i get a hash; the others keep {0, 0}. Time: linear, but for the rounds inside one
// component.
std::vector<Hash128> hash_types(const TypeTables& tables, const StringPool& strings,
                                std::span<const TypeIndex> stands_for);

// The hash of what a type says itself, leaving out the types it refers to.
Hash128 own_content_hash(const TypeRecord& type, const TypeTables& tables,
                         const StringPool& strings);

// The hash of a type that leads to itself nowhere; what it is made of has its hash in `tables` already.
Hash128 hash_of_one(const TypeRecord& type, const TypeTables& tables, const StringPool& strings);

// The types that `type` is made of, in order; both may be kNoType. Enumerations are made of none: their base does not
// count.
std::size_t edge_count(const TypeRecord& type);
TypeIndex edge_of(const TypeRecord& type, const TypeTables& tables, std::size_t index);

}  // namespace allocs::types
