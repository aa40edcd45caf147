// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "types/subobject.h"

// How far the parts of a C++ object reach, and where its virtual bases lie.
//
// A base class takes less than an object of its own would: what follows may begin in its padding at the end, and its virtual bases lie elsewhere.
//
//   struct V { long v; };                          L        V | L.l | V          24 bytes, of which as a base class 16
//   struct L : virtual V { long l; };
//   struct R : virtual V { char r; };              D        L: table l | R: table r . d | V
//   struct D : L, R { int d; };                                                17^ ^20
//
// Where the virtual bases lie depends on the whole object. They belong to it, each once, and not to its base classes; the types do not tell where: the tables do
// that the object and its base classes point to, n bytes below (MemberRecord::offset). So an ObjectReader has to look at the object, and where there is none, or it
// cannot say for certain, they have no place.
//
// A part ends where the next one begins that does not lie in it. What begins before the last that a class has of its own, such as a primary virtual base, which
// shares the pointer at its start, lies in it.
namespace allocs::types {

// Has the class a virtual base, or one of its base classes? Nothing but a flag test for a class without bases.
inline bool has_virtual_bases(const uniqtype& u, unsigned depth = 0) {
  const uniqtype_record& record = record_of(u);
  if (record.base_flags == 0) return false;
  if ((record.base_flags & kMemberVirtualBase) != 0) return true;
  for (std::uint64_t i = 0; i < record.count && depth < kDeepestObject; ++i) {
    const uniqtype* const base = u.related[i].un.memb.ptr;
    if ((record.member_flags[i] & kMemberBaseClass) != 0 && base != nullptr &&
        has_virtual_bases(*base, depth + 1))
      return true;
  }
  return false;
}

// Where the last byte ends that is the class's own: without padding, and, of a base class, without its virtual bases. 0: it is empty. Those of members lie where only
// these tell: `least` does not count them, and otherwise they may reach to the member's end.
inline std::uint64_t end_of_content(const uniqtype& u, bool is_base, bool least = false,
                                    unsigned depth = 0) {
  const uniqtype_record& record = record_of(u);
  const bool is_class = record.kind == Kind::composite &&
                        record.detail != static_cast<std::uint8_t>(CompositeKind::union_) &&
                        record.detail != static_cast<std::uint8_t>(CompositeKind::frame);
  if (!is_class || record.size == kUnknownSize || depth == kDeepestObject) return record.size;
  if (!is_base && !least && has_virtual_bases(u)) return record.size;
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = u.related[i].un.memb;
    if (slot.ptr == nullptr) return record.size;
    std::uint64_t part_end = sizeof(void*);  // of the pointer to the table that tells of it
    if (!slot.may_be_invalid) {
      const uniqtype_record& part = record_of(*slot.ptr);
      const bool part_is_base = (record.member_flags[i] & kMemberBaseClass) != 0;
      std::uint64_t size = end_of_content(*slot.ptr, part_is_base, least, depth + 1);
      if (size == kUnknownSize) size = 0;  // a flexible member
      if (part.bit_size != 0) size = (std::uint64_t{part.bit_offset} + part.bit_size + 7) / 8;
      part_end = size == 0 ? 0 : slot.off + size;
    }
    end = std::max(end, part_end);
  }
  return std::min(end, record.size);
}

// Has it no member but base classes that are empty, too? As a base class it takes no byte.
inline bool is_empty_class(const uniqtype& u, unsigned depth = 0) {
  const uniqtype_record& record = record_of(u);
  if (record.kind != Kind::composite || (record.base_flags & kMemberVirtualBase) != 0) return false;
  if (record.size == kUnknownSize || depth == kDeepestObject) return false;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const uniqtype* const part = u.related[i].un.memb.ptr;
    if ((record.member_flags[i] & kMemberBaseClass) == 0 || part == nullptr ||
        !is_empty_class(*part, depth + 1))
      return false;
  }
  return true;
}

// The virtual bases of a whole object, where they can be told.
class PlacedBases {
 public:
  struct Base {
    const uniqtype* type;
    std::uint64_t offset;
    std::uint64_t index;  // of the member, or of a further one: that of a base class
  };

  constexpr PlacedBases() : bases_{} {}
  PlacedBases(const uniqtype& u, std::uint64_t extent, const ObjectAt& object) {
    if (record_of(u).base_flags == 0) return;
    extent_ = extent;
    further_ = record_of(u).count;
    collect(u, 0, u, object, 0);
    std::sort(bases_, bases_ + count_,
              [](const Base& a, const Base& b) { return a.index < b.index; });
  }

  const Base* begin() const { return bases_; }
  const Base* end() const { return bases_ + count_; }
  // Has each one a place? Those of what is a base class are none of its.
  bool are_all() const { return are_all_; }

  static constexpr unsigned kMost = 32;  // further ones have no place

 private:
  void collect(const uniqtype& u, std::uint64_t offset, const uniqtype& whole,
               const ObjectAt& object, unsigned depth) {
    const uniqtype_record& record = record_of(u);
    if (record.base_flags == 0 || depth == kDeepestObject) return;
    for (std::uint64_t i = 0; i < record.count; ++i) {
      const auto& slot = u.related[i].un.memb;
      if ((record.member_flags[i] & kMemberBaseClass) == 0 || slot.ptr == nullptr) continue;
      if (!slot.may_be_invalid) {
        collect(*slot.ptr, offset + slot.off, whole, object, depth + 1);
        continue;
      }
      if (Base* const known = find(slot.ptr)) {
        if (depth == 0) known->index = i;
        continue;
      }
      std::uint64_t place = 0;
      if (!find_place(*slot.ptr, slot.off, offset, whole, object, place)) {
        are_all_ = object.is_base;
        continue;
      }
      bases_[count_++] = {slot.ptr, place, depth == 0 ? i : further_++};
      collect(*slot.ptr, place, whole, object, depth + 1);
    }
  }

  Base* find(const uniqtype* type) {
    for (unsigned i = 0; i < count_; ++i) {
      if (bases_[i].type == type) return &bases_[i];
    }
    return nullptr;
  }

  bool find_place(const uniqtype& base, std::uint64_t distance, std::uint64_t part,
                  const uniqtype& whole, const ObjectAt& object, std::uint64_t& place) const {
    std::int64_t told = 0;
    if (object.reader == nullptr || object.reader->tell == nullptr || object.is_base) return false;
    if (count_ == kMost) return false;
    if (distance == kUnknownDistance || part > extent_ || extent_ - part < sizeof(void*))
      return false;
    if (!object.reader->tell(object.reader->context, whole, object.at, object.at + part, distance,
                             told))
      return false;
    place = part + static_cast<std::uint64_t>(told);
    return place <= extent_ && end_of_content(base, true) <= extent_ - place;
  }

  static constexpr std::uint64_t kUnknownDistance = (std::uint64_t{1} << 56) - 1;  // in a uniqtype

  std::uint64_t extent_ = 0;
  std::uint64_t further_ = 0;
  unsigned count_ = 0;
  bool are_all_ = true;
  Base bases_[kMost];
};

inline constexpr PlacedBases kNoBases;

// How many bytes a part of a class takes: its member `index`, or the virtual base `placed` of those of the object. `size`: what is there for one of its type.
inline std::uint64_t extent_of_part(const uniqtype& u, const PlacedBases& bases,
                                    std::uint64_t index, const PlacedBases::Base* placed,
                                    std::uint64_t size) {
  const uniqtype_record& record = record_of(u);
  const uniqtype& part = placed != nullptr ? *placed->type : *u.related[index].un.memb.ptr;
  const bool is_base = placed != nullptr || (record.member_flags[index] & kMemberBaseClass) != 0;
  const std::uint64_t begin = placed != nullptr ? placed->offset : u.related[index].un.memb.off;
  if (is_base && is_empty_class(part)) return 0;
  const std::uint64_t least = end_of_content(part, is_base, true);
  std::uint64_t extent = size;
  const auto end_before = [&](const uniqtype& other, std::uint64_t at, bool other_is_base) {
    if (at < begin || at - begin < least || at - begin >= extent) return;
    if (end_of_content(other, other_is_base) != 0) extent = at - begin;
  };
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = u.related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid || (placed == nullptr && i == index)) continue;
    end_before(*slot.ptr, slot.off + record_of(*slot.ptr).bit_offset / 8,
               (record.member_flags[i] & kMemberBaseClass) != 0);
  }
  for (const PlacedBases::Base& other : bases) {
    if (&other != placed) end_before(*other.type, other.offset, true);
  }
  // Where virtual bases begin of which the place is not known, another may lie in what follows. A base class's own are not in it. And a primary virtual base lies in
  // another part, which goes on behind it.
  const bool is_open = !bases.are_all();
  const bool may_be_less = is_base ? is_open || has_virtual_bases(part) : is_open;
  if (may_be_less && (extent == size || placed != nullptr))
    extent = std::min(extent, end_of_content(part, is_base, is_open));
  return extent;
}

// May the part at `index` take less than its type? Costs next to nothing for a structure without bases.
inline bool may_be_cut(const uniqtype& u, std::uint64_t index, std::uint64_t size) {
  const uniqtype_record& record = record_of(u);
  const auto& slot = u.related[index].un.memb;
  if (record_of(*slot.ptr).kind != Kind::composite) return false;
  if (record.base_flags != 0) return true;
  if (record.detail == static_cast<std::uint8_t>(CompositeKind::union_) ||
      record.detail == static_cast<std::uint8_t>(CompositeKind::frame))
    return false;
  // [[no_unique_address]]
  if (index + 1 < record.count && u.related[index + 1].un.memb.off < slot.off + size) return true;
  return index != 0 && size == 1 && u.related[index - 1].un.memb.off == slot.off;
}

}  // namespace allocs::types
