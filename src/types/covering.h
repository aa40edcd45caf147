// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "types/virtual_bases.h"

namespace allocs::types {

inline constexpr unsigned kDeepestCovering = 64;  // of nested types; more is a damaged type

// The members of a composite of `extent` bytes, and the virtual bases `bases` of it: as for_each_direct_subobject.
template <typename Visit>
bool for_each_part(const uniqtype& u, std::uint64_t extent, const PlacedBases& bases,
                   Visit&& visit) {
  const uniqtype_record& record = record_of(u);
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = u.related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid || slot.off >= extent) continue;
    std::uint64_t size = size_of(*slot.ptr);
    const std::uint64_t left = extent - slot.off;
    if (size == kUnknownSize || size > left) size = left;
    if (may_be_cut(u, i, size)) size = extent_of_part(u, bases, i, nullptr, size);
    if (!visit(Subobject{.type = slot.ptr,
                         .offset = slot.off,
                         .size = size,
                         .index = i,
                         .member = record.member_names[i],
                         .is_base = (record.member_flags[i] & kMemberBaseClass) != 0}))
      return false;
  }
  for (const PlacedBases::Base& base : bases) {
    const std::uint64_t size = std::min(size_of(*base.type), extent - base.offset);
    if (!visit(Subobject{.type = base.type,
                         .offset = base.offset,
                         .size = extent_of_part(u, bases, base.index, &base, size),
                         .index = base.index,
                         .member = "",
                         .is_base = true,
                         .is_virtual_base = true}))
      return false;
  }
  return true;
}

// Apart, so that what has no base classes needs no room for them on the stack, which may be a signal handler's.
template <typename Visit>
[[gnu::noinline]] bool for_each_part_of_class(const uniqtype& u, std::uint64_t extent,
                                              Visit&& visit, const ObjectAt& object) {
  return for_each_part(u, extent, PlacedBases(u, extent, object), visit);
}

// The members or elements directly in an object of type `u` and `extent` bytes: visit(const Subobject&) by index, until it returns false.
// An array whose length nothing tells has as many elements as fit. Of a class with virtual bases `object` tells where they are; those of its base classes come last, with further
// indices. Returns false if the visitor did. Context: signal.
template <typename Visit>
bool for_each_direct_subobject(const uniqtype& u, std::uint64_t extent, std::uint64_t row,
                               Visit&& visit, const ObjectAt& object = {}) {
  const uniqtype_record& record = record_of(u);
  if (record.kind == Kind::array) {
    const uniqtype* element = u.related[0].un.t.ptr;
    std::uint64_t size = element == nullptr ? 0 : size_of(*element);
    if (size == kUnknownSize) size = row;
    if (size == 0) return true;
    const std::uint64_t fitting = extent / size;
    const std::uint64_t count =
        record.count == kUnbounded || record.count > fitting ? fitting : record.count;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!visit(Subobject{.type = element, .offset = i * size, .size = size, .index = i}))
        return false;
    }
    return true;
  }
  if (record.kind != Kind::composite) return true;
  if (record.base_flags != 0) return for_each_part_of_class(u, extent, visit, object);
  return for_each_part(u, extent, kNoBases, visit);
}

// Does the subobject have a bit of the byte at `offset` of what it is in; of its bit `bit`, if that is not negative?
inline bool covers(const Subobject& sub, std::uint64_t offset, int bit) {
  if (offset < sub.offset || offset - sub.offset >= sub.size) return false;
  const uniqtype_record& record = record_of(*sub.type);
  if (record.bit_size == 0) return true;
  const std::uint64_t first =
      8 * (offset - sub.offset) + (bit < 0 ? 0u : static_cast<unsigned>(bit));
  const std::uint64_t end = first + (bit < 0 ? 8 : 1);
  return record.bit_offset < end && record.bit_offset + record.bit_size > first;
}

// Calls visit(const Subobject&, offset of it from the start, depth) for each subobject that covers the byte at `offset`, outer ones first,
// until it returns false. `row_at(depth)`: as subobject_at's `row`; `object`: likewise. Returns false if the visitor did. Context: signal.
template <typename Rows, typename Visit>
bool for_each_covering(const uniqtype& u, std::uint64_t extent, std::uint64_t offset, int bit,
                       Rows&& row_at, Visit&& visit, const ObjectAt& object = {},
                       std::uint64_t base = 0, unsigned depth = 0) {
  if (depth == kDeepestCovering) return true;
  const auto enter = [&](const Subobject& sub) {
    if (!covers(sub, offset, bit)) return true;
    return visit(sub, base + sub.offset, depth + 1) &&
           for_each_covering(*sub.type, sub.size, offset - sub.offset, bit, row_at, visit,
                             object.part(sub), base + sub.offset, depth + 1);
  };
  if (record_of(u).kind != Kind::array)
    return for_each_direct_subobject(u, extent, row_at(depth), enter, object);
  Subobject element;  // of a large array only one can
  return !subobject_at(u, extent, offset, element, row_at(depth)) || enter(element);
}

}  // namespace allocs::types
