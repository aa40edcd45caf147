// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "types/image_format.h"

namespace allocs::types {

// Types as the records that an image will hold. Names are indices in a StringPool.
struct TypeTables {
  std::vector<TypeRecord> types;
  std::vector<MemberRecord> members;
  std::vector<EnumeratorRecord> enumerators;

  std::span<const MemberRecord> members_of(const TypeRecord& type) const;
  std::span<MemberRecord> members_of(const TypeRecord& type);
  std::span<const EnumeratorRecord> enumerators_of(const TypeRecord& type) const;
};

// How many entries of `members` belong to a type: its members, arguments, or the one that holds a subrange's lower
// bound.
constexpr std::size_t member_count(const TypeRecord& type) {
  switch (type.kind) {
    case Kind::composite:
    case Kind::subprogram:
      return type.count;
    case Kind::subrange:
      return 1;
    default:
      return 0;
  }
}

inline std::span<const MemberRecord> TypeTables::members_of(const TypeRecord& type) const {
  return std::span{members}.subspan(type.first, member_count(type));
}
inline std::span<MemberRecord> TypeTables::members_of(const TypeRecord& type) {
  return std::span{members}.subspan(type.first, member_count(type));
}
inline std::span<const EnumeratorRecord> TypeTables::enumerators_of(const TypeRecord& type) const {
  if (type.kind != Kind::enumeration) return {};
  return std::span{enumerators}.subspan(type.first, type.count);
}

}  // namespace allocs::types
