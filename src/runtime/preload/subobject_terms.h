// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/walk.h"
#include "runtime/preload/info.h"
#include "types/subobject.h"

namespace allocs::preload {

// Subobjects in C's terms.
inline alloc_subobject in_terms_of_c(const types::Subobject& sub, Address base, unsigned depth) {
  const auto& record = types::record_of(*sub.type);
  return {.base = pointer(base),
          .size = sub.size,
          .type = const_cast<uniqtype*>(sub.type),
          .name = sub.member,
          .index = sub.index,
          .depth = depth,
          .bit_size = record.bit_size,
          .bit_offset = record.bit_offset,
          .reserved = {}};
}

}  // namespace allocs::preload
