// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.h"
#include "types/uniqtype_record.h"

namespace allocs::types {

inline constexpr unsigned kDeepestObject = 64;  // of nested classes; more is a damaged type

// Who can look at objects. `tell`: the object of class `type` at `object` is whole, that is no base class of something, and `part` is the
// object or a base class of it; how far from `part` does the virtual base lie of which its table tells so many bytes below? False: it cannot be said for certain.
struct ObjectReader {
  using Tell = bool(const void* context, const uniqtype& type, Address object, Address part,
                    std::uint64_t distance, std::int64_t& offset);
  Tell* tell = nullptr;
  const void* context = nullptr;
};

// One step down from a typed object to the member or element that contains a byte of it.
struct Subobject {
  const uniqtype* type = nullptr;
  std::uint64_t offset = 0;  // of the subobject in the object
  std::uint64_t size = 0;
  std::uint64_t index = 0;       // of the member or element
  const char* member = nullptr;  // nullptr for an element
  // Other members cover the byte as well: a union, or bit-fields that share it.
  bool ambiguous : 1 = false;
  bool is_base : 1 = false;  // a base class: its virtual bases, if any, are the whole object's
  bool is_virtual_base : 1 = false;
};

// Where an object is, and who may look at it. The virtual bases of a base class are told with the whole object's.
struct ObjectAt {
  const ObjectReader* reader = nullptr;
  Address at{};
  bool is_base = false;

  ObjectAt part(const Subobject& sub) const { return {reader, at + sub.offset, sub.is_base}; }
};

// The subobject of `u` that contains byte `offset`, where the whole object has `extent` bytes (which bounds an array without a length
// and a flexible member); of several the first. `row` is the size of an array's elements where their type does not tell it, as in arrays of
// variable-length arrays. Of a class with virtual bases `object` tells where they are. False when there is none: a base type, padding, an unknown type.
// Context: signal.
bool subobject_at(const uniqtype& u, std::uint64_t extent, std::uint64_t offset, Subobject& found,
                  std::uint64_t row = 0, const ObjectAt& object = {});

}  // namespace allocs::types
