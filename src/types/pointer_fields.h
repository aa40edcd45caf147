// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <type_traits>

#include "base/address.h"
#include "types/covering.h"

namespace allocs::types {

inline constexpr unsigned kDeepestPointerField = 64;  // of nested types; more is a damaged type

// Is there a pointer or reference somewhere in it, virtual bases included?
inline bool may_hold_pointers(const uniqtype* type, unsigned depth = 0) {
  if (type == nullptr || depth > kDeepestPointerField) return false;
  const uniqtype_record& record = record_of(*type);
  if (record.kind == Kind::address) return true;
  if (record.kind == Kind::array) return may_hold_pointers(type->related[0].un.t.ptr, depth + 1);
  if (record.kind != Kind::composite) return false;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    if (may_hold_pointers(type->related[i].un.memb.ptr, depth + 1)) return true;
  }
  return false;
}

// The pointers and references of an object, by address.
class PointerFields {
 public:
  // Returns false to end it.
  using Visit = bool(void* context, Address at, const uniqtype& type);

  PointerFields(const ObjectReader* reader, Visit* visit, void* context)
      : reader_(reader), visit_(visit), context_(context) {}

  // Of the object at `base` of `extent` bytes, which is whole. Returns false if the visitor did.
  bool run(const uniqtype* type, Address base, std::uint64_t extent, unsigned depth = 0) {
    if (type == nullptr || depth > kDeepestPointerField) return true;
    if (record_of(*type).kind != Kind::composite || record_of(*type).base_flags == 0)
      return run_part(type, base, extent, nullptr, depth);
    return run_class(*type, base, extent, depth);
  }

 private:
  // The virtual bases of an object that have not been visited. A primary one lies in what another begins with.
  struct Pending {
    Pending(const uniqtype& u, const PlacedBases& all, Address base, std::uint64_t extent) {
      for (const PlacedBases::Base& each : all) {
        const std::uint64_t most = std::min(size_of(*each.type), extent - each.offset);
        const std::uint64_t size = extent_of_part(u, all, each.index, &each, most);
        bases[count++] = {each.type, base + each.offset, size};
      }
      std::sort(bases, bases + count, [](const Base& a, const Base& b) {
        return a.at != b.at ? a.at < b.at : a.size < b.size;
      });
    }
    struct Base {
      const uniqtype* type;
      Address at;
      std::uint64_t size;
    };
    unsigned count = 0, next = 0;
    Base bases[PlacedBases::kMost];
  };

  [[gnu::noinline]] bool run_class(const uniqtype& type, Address base, std::uint64_t extent,
                                   unsigned depth) {
    Pending pending(type, PlacedBases(type, extent, {.reader = reader_, .at = base}), base, extent);
    return run_part(&type, base, extent, &pending, depth) &&
           run_pending(pending, kEndOfUserAddresses, depth);
  }

  // Those that begin below `at`.
  bool run_pending(Pending& pending, Address at, unsigned depth) {
    while (pending.next < pending.count && pending.bases[pending.next].at < at) {
      const Pending::Base& base = pending.bases[pending.next++];
      if (!run_part(base.type, base.at, base.size, &pending, depth + 1)) return false;
    }
    return true;
  }

  // What the virtual bases of a base class hold is told with the whole object's: `pending`.
  bool run_part(const uniqtype* type, Address base, std::uint64_t extent, Pending* pending,
                unsigned depth) {
    if (type == nullptr || depth > kDeepestPointerField) return true;
    const uniqtype_record& record = record_of(*type);
    if (record.kind == Kind::address) {
      if (record.detail == static_cast<std::uint8_t>(AddressKind::member_pointer) ||
          extent < sizeof(void*))
        return true;
      return (pending == nullptr || run_pending(*pending, base, depth)) &&
             visit_(context_, base, *type);
    }
    if (record.kind == Kind::array) {
      const uniqtype* element = type->related[0].un.t.ptr;
      const std::uint64_t size = element == nullptr ? 0 : size_of(*element);
      if (size == 0 || size == kUnknownSize || !may_hold_pointers(element)) return true;
      const std::uint64_t fitting = extent / size;
      const std::uint64_t count =
          record.count == kUnbounded || record.count > fitting ? fitting : record.count;
      for (std::uint64_t i = 0; i < count; ++i) {
        if (!run_within(element, base + i * size, size, pending, depth + 1)) return false;
      }
      return true;
    }
    if (record.kind != Kind::composite) return true;
    const auto enter = [&](const Subobject& sub) {
      const Address at = base + sub.offset;
      return sub.is_base ? run_part(sub.type, at, sub.size, pending, depth + 1)
                         : run_within(sub.type, at, sub.size, pending, depth + 1);
    };
    return for_each_direct_subobject(*type, extent, 0, enter, {.is_base = true});
  }
  // A member or an element is a whole object. Its virtual bases are not those of what is around it.
  bool run_within(const uniqtype* type, Address at, std::uint64_t size, Pending* pending,
                  unsigned depth) {
    if (type == nullptr) return true;
    if (!has_virtual_bases(*type)) return run_part(type, at, size, pending, depth);
    return (pending == nullptr || run_pending(*pending, at, depth)) && run(type, at, size, depth);
  }

  const ObjectReader* reader_;
  Visit* visit_;
  void* context_;
};

// Calls visit(Address, const uniqtype& of the pointer) for each pointer and reference in the object at `base` of `extent` bytes, by
// address, those of all members of a union; until it returns false. Pointers to members are none, since what they hold is no address.
// Those of virtual bases are visited where `reader` can tell their place. Returns false if the visitor did.
// Context: signal, if the visitor and the reader are.
template <typename Visit>
bool for_each_pointer_field(const uniqtype* type, Address base, std::uint64_t extent, Visit&& visit,
                            const ObjectReader* reader = nullptr) {
  const auto call = [](void* context, Address at, const uniqtype& pointer) -> bool {
    return (*static_cast<std::remove_reference_t<Visit>*>(context))(at, pointer);
  };
  return PointerFields(reader, call, &visit).run(type, base, extent);
}

struct PointerField {
  const uniqtype* type = nullptr;  // of the pointer or reference; nullptr: none begins there
  bool is_shared = false;          // other members have that byte too, as in a union
};

// What of the above begins at byte `offset` of an object of `extent` bytes; of several the first. Context: signal, if the reader of `object` is.
inline PointerField pointer_field_at(const uniqtype* type, std::uint64_t extent,
                                     std::uint64_t offset, const ObjectAt& object = {},
                                     unsigned depth = 0) {
  if (type == nullptr || depth > kDeepestPointerField) return {};
  const uniqtype_record& record = record_of(*type);
  if (record.kind == Kind::address) {
    const bool is_address = record.detail != static_cast<std::uint8_t>(AddressKind::member_pointer);
    return {.type = is_address && offset == 0 && extent >= sizeof(void*) ? type : nullptr};
  }
  Subobject sub;
  if (record.kind == Kind::array || record.base_flags != 0) {
    // One element at most; and of a class with bases the part that is meant, of those that cover the byte.
    if (!subobject_at(*type, extent, offset, sub, 0, object)) return {};
    PointerField found =
        pointer_field_at(sub.type, sub.size, offset - sub.offset, object.part(sub), depth + 1);
    found.is_shared |= sub.ambiguous;
    return found;
  }
  PointerField found;
  unsigned covering = 0;
  for_each_direct_subobject(*type, extent, 0, [&](const Subobject& member) {
    if (offset < member.offset || offset - member.offset >= member.size) return true;
    ++covering;
    if (found.type == nullptr)
      found = pointer_field_at(member.type, member.size, offset - member.offset,
                               object.part(member), depth + 1);
    return true;
  });
  found.is_shared |= covering > 1;
  return found;
}

}  // namespace allocs::types
