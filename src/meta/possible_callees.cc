// SPDX-License-Identifier: Apache-2.0
#include "meta/possible_callees.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::TypeIndex;
using types::TypeRecord;

namespace {

enum class PassedIn : std::uint8_t { pointer, number, vector };

PassedIn register_of(const TypeRecord& type) {
  constexpr std::uint8_t kFloat = 4;  // DW_ATE_float
  if (type.kind == Kind::address) return PassedIn::pointer;
  return type.kind == Kind::base && type.detail == kFloat ? PassedIn::vector : PassedIn::number;
}

}  // namespace

const std::vector<std::uint64_t>& PossibleCallees::of_type(TypeIndex function) {
  const auto [at, is_new] = of_types_.try_emplace(function);
  if (!is_new) return at->second;
  find_taken();
  for (const types::FunctionRecord* one : taken_) {
    if (may_be_called_as(one->type, function)) at->second.push_back(one->low);
  }
  return at->second;
}

void PossibleCallees::find_taken() {
  if (std::exchange(has_taken_, true)) return;
  std::unordered_set<std::uint64_t> taken(scan_.functions_taken.begin(),
                                          scan_.functions_taken.end());
  for (const DataPointer& pointer : linkage_.data_pointers()) taken.insert(pointer.target);
  for (const types::FunctionRecord& one : model_.functions) {
    if (taken.contains(one.low)) taken_.push_back(&one);
  }
}

bool PossibleCallees::has_prototype(TypeIndex function) const {
  return function != kNoType && (model_.types[function].flags & types::kTypePrototyped) != 0;
}

bool PossibleCallees::is_known(TypeIndex function) const {
  return has_prototype(function) && (model_.types[function].flags & types::kTypeVariadic) == 0;
}

bool PossibleCallees::may_be_called_as(TypeIndex function, TypeIndex as) const {
  if (function == as) return true;
  if (!has_prototype(function) || !has_prototype(as)) return true;
  const auto is_variadic = [&](TypeIndex type) {
    return (model_.types[type].flags & types::kTypeVariadic) != 0;
  };
  if (is_variadic(function) || is_variadic(as)) return is_variadic(function) && is_variadic(as);
  const auto returns_nothing = [&](TypeIndex type) {
    const TypeIndex result = model_.types[type].target;
    return result == kNoType || result == types::TypeGraph::kVoid;
  };
  if (returns_nothing(function) && !returns_nothing(as)) return false;
  const auto is_pointer_to = [&](TypeIndex type, auto&& is_wanted) {
    if (type == kNoType) return true;
    const TypeRecord& record = model_.types[type];
    return record.kind == Kind::address && (record.target == kNoType || is_wanted(record.target));
  };
  const auto is_any = [](TypeIndex) { return true; };
  const auto is_void = [](TypeIndex type) { return type == types::TypeGraph::kVoid; };
  return std::ranges::equal(
      model_.types.members_of(function), model_.types.members_of(as),
      [&](const MemberRecord& a, const MemberRecord& b) {
        const bool is_cast = is_pointer_to(a.type, is_any) && is_pointer_to(b.type, is_any) &&
                             (is_pointer_to(a.type, is_void) || is_pointer_to(b.type, is_void));
        return a.type == b.type || is_cast;
      });
}

bool PossibleCallees::are_passed_alike(TypeIndex function, TypeIndex as) const {
  if (!is_known(function) || !is_known(as)) return true;
  return std::ranges::equal(
      model_.types.members_of(function), model_.types.members_of(as),
      [&](const MemberRecord& a, const MemberRecord& b) {
        if (a.type == kNoType || b.type == kNoType) return true;
        const TypeRecord& one = model_.types[a.type];
        const TypeRecord& other = model_.types[b.type];
        const bool is_composite = one.kind == Kind::composite || other.kind == Kind::composite;
        const bool are_alike = one.size == other.size && register_of(one) == register_of(other);
        return are_alike || is_composite;
      });
}

bool PossibleCallees::is_passed(TypeIndex function, int n) const {
  if (!is_known(function)) return true;
  const auto arguments = model_.types.members_of(function);
  const bool are_simple = std::ranges::all_of(arguments, [&](const MemberRecord& one) {
    return one.type != kNoType && model_.types[one.type].kind != Kind::composite;
  });
  return !are_simple || static_cast<std::size_t>(n) < arguments.size();
}

}  // namespace allocs::meta
