// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "allocs.h"
#include "runtime/preload/allocator_objects.h"
#include "runtime/query/allocator_names.h"
#include "runtime/query/tree.h"
#include "runtime/self/self_process.h"

// Answers in C's terms.
namespace allocs::preload {

inline const void* pointer(Address a) { return reinterpret_cast<const void*>(raw(a)); }

inline self::SelfProcess::Mode mode_of(unsigned flags) {
  return (flags & ALLOC_NOWAIT) != 0 ? self::SelfProcess::Mode::no_wait
                                     : self::SelfProcess::Mode::wait;
}

inline allocator* object_of(const query::Answer& answer) {
  if (answer.allocator != query::Allocator::registered) return object_of(answer.allocator);
  return const_cast<allocator*>(static_cast<const allocator*>(answer.owner));
}

inline std::size_t size_of(const query::Answer& answer) {
  return answer.is_empty ? 0 : answer.range.size();
}

inline void put_info(const query::Answer& answer, alloc_info& out) {
  std::memset(&out, 0, sizeof(out));
  out.error = answer.error;
  out.type_error = answer.type_error;
  out.allocator = object_of(answer);
  if (answer.error == ALLOC_E_NO_UNWIND) {
    out.site = pointer(answer.site);
    out.name = answer.name;
  }
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

// The other way: which allocation the struct names. Context: signal.
inline query::Answer answer_of(const alloc_info& info) {
  query::Answer answer = query::root_of_tree();
  if (info.allocator == nullptr) return answer;
  answer = query::Answer::of(allocator_of(info.allocator), {}, info.evidence);
  if (answer.allocator == query::Allocator::registered) answer.owner = info.allocator;
  const Address base = address_of(info.base);
  answer.is_empty = info.size == 0 && query::is_block(answer.allocator);
  answer.range = {base, base + (answer.is_empty ? 1 : info.size)};
  answer.name = info.name;
  answer.thread = info.thread;
  answer.set_type(info.type, info.type_grade);
  return answer;
}

}  // namespace allocs::preload
