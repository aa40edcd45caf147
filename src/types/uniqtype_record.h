// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "allocs/uniqtype.h"
#include "base/hash.h"
#include "types/image_format.h"

// What is known of a type beyond its `struct uniqtype`. One block of the arena holds the record, the uniqtype with its related slots,
// the member names and aliases, and all the texts: nothing in it points into an image, so it outlives every object.
//
// Who writes: the thread that made the block, before it is found by others; then `related` only, by any number of threads, all with
// the same values (they depend on the content hash alone); `state` last. Who reads `related`: whoever got the uniqtype from
// instantiate() or derive, which return it only when the whole closure is filled.
struct uniqtype_record {
  allocs::Hash128 hash;
  std::atomic<uniqtype_record*>
      further[4];  // records behind this one on the way to a hash: see Interner
  std::atomic<uniqtype_record*> older;  // the one that was made before
  std::atomic<bool> complete;  // this and everything reachable from it has its `related` filled
  allocs::types::Kind kind;
  std::uint8_t detail;
  std::uint8_t flags;
  std::uint8_t align_log2;
  std::uint8_t base_flags;  // MemberFlag of those of its members that are base classes, together
  std::uint16_t bit_size;
  std::uint16_t bit_offset;
  std::uint32_t line;
  std::uint32_t slots;  // of related
  std::uint64_t size;
  std::uint64_t count;
  const char* name;
  const char* human_name;
  const char* file;
  const char** member_names;         // count + 1, the last one nullptr; enumerators' names too
  const char** member_aliases;       // count, nullptr where there is none; composites only
  const std::uint8_t* member_flags;  // count, MemberFlag; composites only
  std::atomic<uniqtype*> pointer;    // derived types once made
  std::atomic<uniqtype*> unbounded_array;
  uniqtype* type;
};

namespace allocs::types {

inline const uniqtype_record& record_of(const uniqtype& u) { return *u.record; }
inline uniqtype_record& record_of(uniqtype& u) { return *u.record; }

// The exact size in bytes; kUnknownSize if there is none.
inline std::uint64_t size_of(const uniqtype& u) { return u.record->size; }

}  // namespace allocs::types
