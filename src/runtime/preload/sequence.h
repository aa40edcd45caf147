// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "allocs/sequence.h"

// Elements of variable length, decoded one behind the other. Nothing is kept of a sequence but, of a constant one, where elements begin: one number for
// each stretch of kStretch bytes, filled as decoding passes by, so that an element is at most a stretch away from one that is known.
namespace allocs::preload {

using FoundStart = std::atomic<std::uint16_t>;  // in its stretch, counted from 1; 0: not known
inline constexpr std::size_t kStretch = 256;

struct Sequence {
  const alloc_sequence_family* family = nullptr;
  const char* begin = nullptr;
  const char* end = nullptr;
  FoundStart* starts = nullptr;  // starts_needed(), zeroed; nullptr: none are kept
};
inline bool is_constant(const alloc_sequence_family& family) {
  return family.size >= sizeof(alloc_sequence_family) &&
         (family.flags & ALLOC_SEQUENCE_CONSTANT) != 0 && family.sync == nullptr;
}
inline std::size_t starts_needed(const alloc_sequence_family& family, std::size_t size) {
  return is_constant(family) ? size / kStretch + 1 : 0;
}

struct Element {
  const char* at;
  std::size_t size;
  uniqtype* type;
};

// The element that begins at `at`; the one that contains it; the first one at or above it. False if there is none.
// Context: signal, as far as the family is.
bool decode_element(const Sequence& sequence, const char* at, Element& element);
bool element_around(const Sequence& sequence, const char* at, Element& element);
bool element_from(const Sequence& sequence, const char* from, Element& element);

int put_element(const Element& element, alloc_info* child);
// `get_traits` of what is a part of its parent and goes with it.
int get_traits_of_part(void*, const alloc_info*, alloc_traits* traits);

bool is_usable(const alloc_sequence_family* family);
// By which the elements of the family are known, registered on first use; nullptr when memory runs out. Context: query.
allocator* allocator_of_family(const alloc_sequence_family* family);
// nullptr for an allocator that is no family's. Context: signal.
const alloc_sequence_family* family_of(const allocator* which);
// Those that were used. Context: signal.
void for_each_family(void (*visit)(const void* family, void* context), void* context);

}  // namespace allocs::preload
