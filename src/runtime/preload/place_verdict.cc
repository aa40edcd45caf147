// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/place_verdict.h"

#include "runtime/self/ask.h"
#include "types/covering.h"

// A word is a reference if every subobject that covers it is a pointer that begins there; it is none if every one is of some other type. Where pointers and others share it (unions),
// where bytes lie, which may hold anything, and where nothing tells, it is an obstacle.
//
// That something is no reference needs a surer type than that it is one: there, an address that leads to the allocation speaks for the type.

namespace allocs::preload {

namespace {

using query::Allocator;
using query::Answer;
using types::Kind;

Verdict obstacle(int kind) { return {.is_reference = false, .obstacle = kind}; }

struct Covering {
  bool pointer = false, other = false, bytes = false, unknown = false;

  // A subobject that has no parts, `distance` bytes before the word.
  void add(const uniqtype& type, std::uint64_t distance, bool is_element) {
    const auto& record = types::record_of(type);
    switch (record.kind) {
      case Kind::address: {
        const bool is_address =
            record.detail != static_cast<std::uint8_t>(types::AddressKind::member_pointer);
        (is_address && distance == 0 ? pointer : other) = true;
        break;
      }
      case Kind::void_:
      case Kind::array:
      case Kind::composite:
        unknown = true;
        break;
      default:
        (record.size == 1 && is_element ? bytes : other) = true;
    }
  }

  Verdict verdict() const {
    if (unknown) return obstacle(ALLOC_OBSTACLE_UNTYPED);
    if (pointer && (other || bytes)) return obstacle(ALLOC_OBSTACLE_UNION);
    if (bytes) return obstacle(ALLOC_OBSTACLE_BYTES);
    if (pointer) return {.is_reference = true};
    return other ? Verdict{} : obstacle(ALLOC_OBSTACLE_UNTYPED);
  }
};

bool has_parts(const uniqtype& type) {
  const Kind kind = types::record_of(type).kind;
  return kind == Kind::array || kind == Kind::composite;
}

Verdict judge_by_type(const Answer& holder, Address at) {
  const std::uint64_t offset = at - holder.range.begin;
  Covering covering;
  if (!has_parts(*holder.type)) {
    if (offset < types::size_of(*holder.type)) covering.add(*holder.type, offset, false);
    return covering.verdict();
  }
  types::for_each_covering(
      *holder.type, holder.range.size(), offset, -1,
      [&](unsigned depth) { return holder.rows.at(depth); },
      [&](const types::Subobject& sub, std::uint64_t begin, unsigned depth) {
        const bool is_too_deep = depth >= types::kDeepestCovering;
        if (sub.type == nullptr || is_too_deep) {
          covering.unknown = true;
        } else if (!has_parts(*sub.type)) {
          covering.add(*sub.type, offset - begin, sub.member == nullptr);
        }
        return true;
      });
  return covering.verdict();
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
  const Verdict verdict = judge_by_type(holder, at);
  if (verdict.is_reference && malloc.may_be_its_own(at)) return obstacle(ALLOC_OBSTACLE_UNTYPED);
  // The object may be gone, and its first word be left of it.
  if ((holder.evidence & ALLOC_EV_VIRTUAL_TABLE) != 0) return obstacle(ALLOC_OBSTACLE_GUESS);
  const bool is_guess = verdict.is_reference ? holder.type_grade < ALLOC_GRADE_PLAUSIBLE
                                             : holder.type_grade < ALLOC_GRADE_STRONG;
  if (verdict.obstacle == ALLOC_NO_OBSTACLE && is_guess) return obstacle(ALLOC_OBSTACLE_GUESS);
  return verdict;
}

}  // namespace allocs::preload
