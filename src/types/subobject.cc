// SPDX-License-Identifier: Apache-2.0
#include "types/subobject.h"

#include "types/covering.h"

namespace allocs::types {

namespace {

bool element_at(const uniqtype& array, std::uint64_t extent, std::uint64_t offset,
                std::uint64_t row, Subobject& found) {
  const uniqtype* element = array.related[0].un.t.ptr;
  if (element == nullptr) return false;
  std::uint64_t size = size_of(*element);
  if (size == kUnknownSize) size = row;
  if (size == 0) return false;
  const std::uint64_t index = offset < size ? 0 : offset / size;
  const std::uint64_t count = record_of(array).count;
  if (count == kUnbounded ? (index + 1) * size > extent : index >= count) return false;
  found = {.type = element, .offset = index * size, .size = size, .index = index};
  return true;
}

// The bytes that a member without a size takes: a flexible one; 0 when it cannot be known.
std::uint64_t open_extent(const uniqtype_record& member, std::uint64_t offset,
                          std::uint64_t extent) {
  const bool flexible = member.kind == Kind::array && extent != kUnknownSize;
  return flexible && extent > offset ? extent - offset : 0;
}

bool bits_cover(const uniqtype_record& field, std::uint64_t byte) {
  const std::uint64_t bit = 8 * byte;
  return field.bit_offset < bit + 8 && field.bit_offset + field.bit_size > bit;
}

// Of a class with base classes. Those of virtual bases that cover the byte lie in what else does, and the least in the others.
[[gnu::noinline]] bool part_at(const uniqtype& u, std::uint64_t extent, std::uint64_t offset,
                               const ObjectAt& object, Subobject& found) {
  bool any = false;
  for_each_direct_subobject(
      u, extent, 0,
      [&](const Subobject& sub) {
        if (!covers(sub, offset, -1)) return true;
        const bool is_better =
            sub.is_virtual_base && (!found.is_virtual_base || sub.size < found.size);
        if (!any || is_better) {
          found = sub;
        } else if (!sub.is_virtual_base) {
          found.ambiguous = true;
        }
        any = true;
        return true;
      },
      object);
  return any;
}

bool member_at(const uniqtype& composite, std::uint64_t extent, std::uint64_t offset,
               const ObjectAt& object, Subobject& found) {
  const uniqtype_record& record = record_of(composite);
  if (record.base_flags != 0) [[unlikely]] {
    found = {};
    return part_at(composite, extent, offset, object, found);
  }
  const std::uint64_t count = record.count;
  bool any = false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto& slot = composite.related[i].un.memb;
    if (slot.off > offset) break;
    if (slot.ptr == nullptr || slot.may_be_invalid) continue;
    const uniqtype_record& member = record_of(*slot.ptr);
    std::uint64_t size = member.size;
    if (size == kUnknownSize) size = open_extent(member, slot.off, extent);
    const std::uint64_t within = offset - slot.off;
    if (within >= size || (member.bit_size != 0 && !bits_cover(member, within))) continue;
    if (any) {
      // One of the two may only seem to reach there.
      if (may_be_cut(composite, found.index, found.size) || may_be_cut(composite, i, size)) {
        found = {};
        return part_at(composite, extent, offset, object, found);
      }
      found.ambiguous = true;
      return true;
    }
    found = {.type = slot.ptr,
             .offset = slot.off,
             .size = size,
             .index = i,
             .member = record.member_names[i]};
    any = true;
  }
  return any;
}

}  // namespace

bool subobject_at(const uniqtype& u, std::uint64_t extent, std::uint64_t offset, Subobject& found,
                  std::uint64_t row, const ObjectAt& object) {
  switch (record_of(u).kind) {
    case Kind::array:
      return element_at(u, extent, offset, row, found);
    case Kind::composite:
      return member_at(u, extent, offset, object, found);
    default:
      return false;
  }
}

}  // namespace allocs::types
