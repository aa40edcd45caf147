// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/hash.h"
#include "types/image_format.h"

// The content hash by which types are one per process. Two types have one hash if and only if they are the same type.
//
// Base types, pointers, arrays, subprograms and subranges are terms over other types, so their hash is a formula over the
// hashes of these (below; the run time uses the same formulas when it derives a pointer or an array type). Cycles pass through
// composites only. The writer therefore takes the strongly connected components of the graph whose nodes are composites and whose
// edges go through any terms; in a component it starts every node from its own content without the edges inside the
// component, then refines (a node's next hash mixes its own with its members' terms over the previous round's hashes) until the
// number of distinct hashes no longer grows, and last mixes in the sorted hashes of the whole component. A composite
// alone in its component is hashed from its content directly. Qualifiers and typedefs are no types of their own.
namespace allocs::types {

constexpr Hasher type_hasher(Kind kind) {
  Hasher hasher;
  hasher.add(static_cast<std::uint64_t>(kind));
  return hasher;
}

constexpr Hash128 hash_of_void() { return type_hasher(Kind::void_).finish(); }

// `encoding` is a DW_ATE_* value, `size` in bytes; `bit_size` 0 means all of them. Source spellings do not count.
constexpr Hash128 hash_of_base(std::uint8_t encoding, std::uint64_t size, std::uint16_t bit_size,
                               std::uint16_t bit_offset, FloatFormat format = FloatFormat::by_size,
                               bool is_big_endian = false) {
  Hasher hasher = type_hasher(Kind::base);
  hasher.add(encoding);
  hasher.add(size);
  hasher.add(std::uint64_t{bit_size} << 16 | bit_offset);
  if (format != FloatFormat::by_size) hasher.add(static_cast<std::uint64_t>(format));
  constexpr std::uint64_t kBigEndian = 0x100;  // no format's number
  if (is_big_endian) hasher.add(kBigEndian);
  return hasher.finish();
}

constexpr Hash128 hash_of_address(AddressKind kind, const Hash128& target) {
  Hasher hasher = type_hasher(Kind::address);
  hasher.add(static_cast<std::uint64_t>(kind));
  hasher.add(target);
  return hasher.finish();
}

// `count` is kUnbounded for an array without a length.
constexpr Hash128 hash_of_array(const Hash128& element, std::uint64_t count) {
  Hasher hasher = type_hasher(Kind::array);
  hasher.add(count);
  hasher.add(element);
  return hasher.finish();
}

}  // namespace allocs::types
