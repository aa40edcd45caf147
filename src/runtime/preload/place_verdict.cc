// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/place_verdict.h"

#include "runtime/query/object_reader.h"
#include "runtime/self/ask.h"
#include "types/word_content.h"

// A word is a reference if all that types say to be there are pointers that begin with it; it is none if what has its first byte is of some other type. Where pointers and others share it
// (unions), where bytes lie, which may hold anything, and where nothing tells, it is an obstacle. What lies there is WordContent's business.
//
// That something is no reference needs a surer type than that it is one: there, an address that leads to the allocation speaks for the type.

namespace allocs::preload {

namespace {

using query::Allocator;
using query::Answer;

Verdict obstacle(int kind) { return {.is_reference = false, .obstacle = kind}; }

Verdict judge_by_type(const self::SelfProcess& process, const Answer& holder, Address at) {
  types::WordContent content;
  const types::ObjectReader reader = query::object_reader(process);
  content.add(
      *holder.type, holder.range, at, [&](unsigned depth) { return holder.rows.at(depth); },
      &reader);
  if (content.is_saved_register) return obstacle(ALLOC_OBSTACLE_REGISTER);
  if (content.is_pointer()) return {.is_reference = true};
  if (content.is_unclear) return obstacle(ALLOC_OBSTACLE_UNTYPED);
  if (content.pointer != nullptr) return obstacle(ALLOC_OBSTACLE_UNION);
  if (content.begins_with_bytes) return obstacle(ALLOC_OBSTACLE_BYTES);
  return content.begins_with_other ? Verdict{} : obstacle(ALLOC_OBSTACLE_UNTYPED);
}

}  // namespace

Verdict judge_place(const self::SelfProcess& process, const MallocMemory& malloc, Address at) {
  const Answer holder = self::ask(process, at);
  if (holder.error == ALLOC_OK && holder.allocator == Allocator::own) return {};
  if (malloc.is_its_own(process, at, holder)) return {};
  // Had the pool's allocator not told that nothing is there, `holder` would be its answer, or its error.
  const bool is_beside_pools =
      holder.error != ALLOC_OK || holder.allocator == Allocator::registered;
  if (!is_beside_pools && self::is_in_managed_pool(at, holder.range.size())) return {};
  if (holder.error != ALLOC_OK || holder.type == nullptr || holder.is_function)
    return obstacle(ALLOC_OBSTACLE_UNTYPED);
  const Verdict verdict = judge_by_type(process, holder, at);
  if (verdict.is_reference && malloc.may_be_its_own(at)) return obstacle(ALLOC_OBSTACLE_UNTYPED);
  // The object may be gone, and its first word be left of it.
  if ((holder.evidence & ALLOC_EV_VIRTUAL_TABLE) != 0) return obstacle(ALLOC_OBSTACLE_GUESS);
  const bool is_guess = verdict.is_reference ? holder.type_grade < ALLOC_GRADE_PLAUSIBLE
                                             : holder.type_grade < ALLOC_GRADE_STRONG;
  if (verdict.obstacle == ALLOC_NO_OBSTACLE && is_guess) return obstacle(ALLOC_OBSTACLE_GUESS);
  return verdict;
}

}  // namespace allocs::preload
