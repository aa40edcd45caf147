// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "types/uniqtype_record.h"

namespace allocs::types {

// One step down from a typed object to the member or element that contains a byte of it.
struct Subobject {
  const uniqtype* type = nullptr;
  std::uint64_t offset = 0;  // of the subobject in the object
  std::uint64_t size = 0;
  std::uint64_t index = 0;       // of the member or element
  const char* member = nullptr;  // nullptr for an element
  bool ambiguous =
      false;  // other members cover the byte as well: a union, or bit-fields that share it
};

// The subobject of `u` that contains byte `offset`, where the whole object has `extent` bytes (which bounds an array without a length
// and a flexible member); of several the first. `row` is the size of an array's elements where their type does not tell it, as in arrays of
// variable-length arrays. False when there is none: a base type, padding, an unknown type.
// Context: signal.
bool subobject_at(const uniqtype& u, std::uint64_t extent, std::uint64_t offset, Subobject& found,
                  std::uint64_t row = 0);

}  // namespace allocs::types
