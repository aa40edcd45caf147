// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "allocs.h"
#include "runtime/preload/allocator_objects.h"
#include "runtime/query/allocator_names.h"
#include "runtime/self/self_process.h"

// Answers in C's terms.
namespace allocs::preload {

inline const void* pointer(Address a) { return reinterpret_cast<const void*>(raw(a)); }

inline self::SelfProcess::Mode mode_of(unsigned flags) {
  return (flags & ALLOC_NOWAIT) != 0 ? self::SelfProcess::Mode::no_wait
                                     : self::SelfProcess::Mode::wait;
}

inline std::size_t size_of(const query::Answer& answer) {
  return answer.is_empty ? 0 : answer.range.size();
}

inline void put_info(const query::Answer& answer, alloc_info& out) {
  std::memset(&out, 0, sizeof(out));
  out.error = answer.error;
  out.type_error = answer.type_error;
  out.allocator = object_of(answer.allocator);
  if (answer.error != ALLOC_OK) return;
  out.base = pointer(answer.range.begin);
  out.size = size_of(answer);
  out.type = answer.type;
  out.site = pointer(answer.site);
  out.name = answer.name;
  out.evidence = answer.evidence;
  out.base_grade = answer.base_grade;
  out.type_grade = answer.type_grade;
  out.depth = query::row_of(answer.allocator).depth;
  if (answer.variable != nullptr) ++out.depth;
  out.thread = answer.thread;
}

}  // namespace allocs::preload
