// SPDX-License-Identifier: Apache-2.0
#include "types/subobject.h"

namespace allocs::types {

namespace {

bool element_at(const uniqtype& array, std::uint64_t extent, std::uint64_t offset,
                std::uint64_t row, Subobject& found) {
  const uniqtype* element = array.related[0].un.t.ptr;
  if (element == nullptr) return false;
  std::uint64_t size = size_of(*element);
  if (size == kUnknownSize) size = row;
  if (size == 0) return false;
  const std::uint64_t index = offset / size;
  const std::uint64_t count = record_of(array).count;
  if (count == kUnbounded ? (index + 1) * size > extent : index >= count) return false;
  found = {.type = element, .offset = index * size, .size = size, .index = index};
  return true;
}

// The bytes that a member takes; 0 when it cannot be known.
std::uint64_t member_extent(const uniqtype& member, std::uint64_t offset, std::uint64_t extent) {
  const std::uint64_t size = size_of(member);
  if (size != kUnknownSize) return size;
  const bool flexible = record_of(member).kind == Kind::array && extent != kUnknownSize;
  return flexible && extent > offset ? extent - offset : 0;
}

bool covers(const uniqtype& member, std::uint64_t member_offset, std::uint64_t size,
            std::uint64_t at) {
  if (at < member_offset || at - member_offset >= size) return false;
  const uniqtype_record& record = record_of(member);
  if (record.bit_size == 0) return true;
  const std::uint64_t byte = 8 * (at - member_offset);
  return record.bit_offset < byte + 8 && record.bit_offset + record.bit_size > byte;
}

bool member_at(const uniqtype& composite, std::uint64_t extent, std::uint64_t offset,
               Subobject& found) {
  const uniqtype_record& record = record_of(composite);
  bool any = false;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = composite.related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid) continue;
    if (slot.off > offset) break;
    const std::uint64_t size = member_extent(*slot.ptr, slot.off, extent);
    if (!covers(*slot.ptr, slot.off, size, offset)) continue;
    if (any) {
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
                  std::uint64_t row) {
  switch (record_of(u).kind) {
    case Kind::array:
      return element_at(u, extent, offset, row, found);
    case Kind::composite:
      return member_at(u, extent, offset, found);
    default:
      return false;
  }
}

}  // namespace allocs::types
