// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>

#include "types/type_hash.h"
#include "types/write/string_pool.h"
#include "types/write/type_tables.h"

namespace allocs::types {

// The distinct types of one object: hashed, named, one node each, so equal indices mean equal types. There are no
// typedefs and no qualifiers in here. Nodes are only ever added, at the end: an index stays good.
class TypeGraph {
 public:
  explicit TypeGraph(StringPool& strings);

  // Takes over `tables`, whose records are merged, hashed and named; index 0 must be void.
  TypeGraph(StringPool& strings, TypeTables tables, std::vector<AliasRecord> aliases);

  static constexpr TypeIndex kVoid = 0;
  std::size_t size() const { return tables_.types.size(); }
  const TypeRecord& operator[](TypeIndex type) const { return tables_.types[type]; }
  std::span<const MemberRecord> members_of(TypeIndex type) const;
  std::span<const EnumeratorRecord> enumerators_of(TypeIndex type) const;
  const TypeTables& tables() const { return tables_; }
  const std::vector<AliasRecord>& aliases() const { return aliases_; }
  // In bytes: what a member of that type is aligned to. 1 if nobody can say.
  std::uint64_t alignment_of(TypeIndex type) const;

  // The type derived from `type`; made, hashed and named if it is not there yet. `count` may be kUnbounded.
  TypeIndex pointer_to(TypeIndex type);
  TypeIndex array_of(TypeIndex type, std::uint64_t count);
  TypeIndex unbounded_array_of(TypeIndex type) { return array_of(type, kUnbounded); }
  // A `type`, then any number of `element` right behind it. kNoType if they cannot lie so.
  TypeIndex flexible_of(TypeIndex type, TypeIndex element);
  // A union of these, each under its own name, in which their order does not matter; of equal ones the type itself. kNoType if one is none or has no size.
  TypeIndex one_of(std::span<const TypeIndex> types);
  // A whole base type, e.g. (DW_ATE_signed_char, 1, "char"). `human_name` is for an object that has no such type yet; without it, the
  // canonical one.
  TypeIndex base_type(std::uint8_t encoding, std::uint64_t size, std::string_view human_name = {},
                      FloatFormat format = FloatFormat::by_size);

  // A structure that no source declares. Its members have names and offsets; none may lead back to it.
  TypeIndex structure(StringRef name, std::span<const MemberRecord> members, std::uint64_t size);

  // kNoType if there is none.
  TypeIndex find(const Hash128& hash) const;

 private:
  TypeIndex add(TypeRecord record);
  TypeIndex composite(CompositeKind kind, StringRef name, std::span<const MemberRecord> members,
                      std::uint64_t size);

  StringPool* strings_;
  TypeTables tables_;
  std::vector<AliasRecord> aliases_;
  struct FirstWord {
    std::size_t operator()(const Hash128& hash) const { return hash.low; }
  };
  std::unordered_map<Hash128, TypeIndex, FirstWord> by_hash_;
};

}  // namespace allocs::types
