// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/address.h"
#include "types/uniqtype_record.h"

namespace allocs::types {

inline constexpr unsigned kDeepestPointerField = 64;  // of nested types; more is a damaged type

// Is there a pointer or reference somewhere in it?
inline bool may_hold_pointers(const uniqtype* type, unsigned depth = 0) {
  if (type == nullptr || depth > kDeepestPointerField) return false;
  const uniqtype_record& record = record_of(*type);
  if (record.kind == Kind::address) return true;
  if (record.kind == Kind::array) return may_hold_pointers(type->related[0].un.t.ptr, depth + 1);
  if (record.kind != Kind::composite) return false;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = type->related[i].un.memb;
    if (!slot.may_be_invalid && may_hold_pointers(slot.ptr, depth + 1)) return true;
  }
  return false;
}

// Calls visit(Address, const uniqtype& of the pointer) for each pointer and reference in the object at `base` of `extent` bytes, by
// address, those of all members of a union; until it returns false. Pointers to members are none, since what they hold is no address.
// Virtual bases, whose place the object itself tells, are passed over. Returns false if the visitor did.
// Context: signal, if the visitor is.
template <typename Visit>
bool for_each_pointer_field(const uniqtype* type, Address base, std::uint64_t extent, Visit&& visit,
                            unsigned depth = 0) {
  if (type == nullptr || depth > kDeepestPointerField) return true;
  const uniqtype_record& record = record_of(*type);
  if (record.kind == Kind::address) {
    const bool is_address = record.detail != static_cast<std::uint8_t>(AddressKind::member_pointer);
    return !is_address || extent < sizeof(void*) || visit(base, *type);
  }
  if (record.kind == Kind::array) {
    const uniqtype* element = type->related[0].un.t.ptr;
    const std::uint64_t size = element == nullptr ? 0 : size_of(*element);
    if (size == 0 || size == kUnknownSize || !may_hold_pointers(element)) return true;
    const std::uint64_t fitting = extent / size;
    const std::uint64_t count =
        record.count == kUnbounded || record.count > fitting ? fitting : record.count;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!for_each_pointer_field(element, base + i * size, size, visit, depth + 1)) return false;
    }
    return true;
  }
  if (record.kind != Kind::composite) return true;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = type->related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid || slot.off >= extent) continue;
    const std::uint64_t size = size_of(*slot.ptr);
    const std::uint64_t left = extent - slot.off;
    if (!for_each_pointer_field(slot.ptr, base + slot.off,
                                size == kUnknownSize || size > left ? left : size, visit,
                                depth + 1))
      return false;
  }
  return true;
}

struct PointerField {
  const uniqtype* type = nullptr;  // of the pointer or reference; nullptr: none begins there
  bool is_shared = false;          // other members have that byte too, as in a union
};

// What of the above begins at byte `offset` of an object of `extent` bytes; of several the first. Context: signal.
inline PointerField pointer_field_at(const uniqtype* type, std::uint64_t extent,
                                     std::uint64_t offset, unsigned depth = 0) {
  if (type == nullptr || depth > kDeepestPointerField) return {};
  const uniqtype_record& record = record_of(*type);
  if (record.kind == Kind::address) {
    const bool is_address = record.detail != static_cast<std::uint8_t>(AddressKind::member_pointer);
    return {.type = is_address && offset == 0 && extent >= sizeof(void*) ? type : nullptr};
  }
  if (record.kind == Kind::array) {
    const uniqtype* element = type->related[0].un.t.ptr;
    const std::uint64_t size = element == nullptr ? 0 : size_of(*element);
    if (size == 0 || size == kUnknownSize) return {};
    const std::uint64_t index = offset / size;
    const bool is_within =
        index < extent / size && (record.count == kUnbounded || index < record.count);
    return is_within ? pointer_field_at(element, size, offset % size, depth + 1) : PointerField{};
  }
  if (record.kind != Kind::composite) return {};
  PointerField found;
  unsigned covering = 0;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = type->related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid || slot.off > offset || slot.off >= extent)
      continue;
    const std::uint64_t size = std::min(size_of(*slot.ptr), extent - slot.off);
    if (offset - slot.off >= size) continue;
    ++covering;
    if (found.type == nullptr)
      found = pointer_field_at(slot.ptr, size, offset - slot.off, depth + 1);
  }
  found.is_shared |= covering > 1;
  return found;
}

}  // namespace allocs::types
