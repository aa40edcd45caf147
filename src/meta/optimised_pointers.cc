// SPDX-License-Identifier: Apache-2.0
#include "meta/optimised_pointers.h"

#include <algorithm>
#include <utility>

#include "meta/type_parts.h"

namespace allocs::meta {

namespace {
constexpr std::uint64_t kPointer = 8;  // bytes
}  // namespace

OptimisedPointers::OptimisedPointers(const DwarfFacts& facts,
                                     std::span<const types::TypeIndex> index_of,
                                     const types::ObjectModel& model) {
  add_parts(facts, index_of, model);
  add_computed(facts, index_of, model);
}

void OptimisedPointers::add_computed(const DwarfFacts& facts,
                                     std::span<const types::TypeIndex> index_of,
                                     const types::ObjectModel& model) {
  struct Pointer {
    std::uint64_t low;
    std::uint32_t value;  // of those in `facts`
    types::TypeIndex type;
  };
  std::vector<Pointer> found;
  for (std::size_t i = 0; i < facts.computed_values.size(); ++i) {
    const ComputedValue& value = facts.computed_values[i];
    const types::TypeIndex read = facts.entities[value.entity].type;
    types::TypeIndex type = read == types::kNoType ? read : index_of[read];
    if (value.part && type != types::kNoType) type = part_of(model, type, *value.part, kPointer);
    if (type == types::kNoType || model.types[type].kind != types::Kind::address) continue;
    found.push_back({value.low, static_cast<std::uint32_t>(i), type});
  }
  std::ranges::sort(found, [](const Pointer& a, const Pointer& b) {
    return a.low != b.low ? a.low < b.low : a.value < b.value;
  });
  all_.reserve(found.size());
  for (const Pointer& one : found) {
    const ComputedValue& value = facts.computed_values[one.value];
    all_.push_back(
        {value.low, value.length, one.type, value.registers, value.addend, value.stepped});
  }
}

void OptimisedPointers::add_parts(const DwarfFacts& facts,
                                  std::span<const types::TypeIndex> index_of,
                                  const types::ObjectModel& model) {
  for (const PartDraft& draft : facts.parts) {
    const types::TypeIndex read = facts.entities[draft.entity].type;
    if (read == types::kNoType) continue;
    const types::TypeIndex type = part_of(model, index_of[read], draft.offset, kPointer);
    if (type == types::kNoType || model.types[type].kind != types::Kind::address) continue;
    // What leads to bytes is the weakest witness (`struct { char *at; size_t n; } view = {(char *)new item[k], n};`), and no variable confirms it.
    const types::TypeIndex target = model.types[type].target;
    if (target != types::kNoType && model.types[target].size == 1) continue;
    parts_.push_back({draft.where, type});
  }
  std::ranges::stable_sort(parts_, {}, [](const PointerPart& part) { return part.where.low; });
}

std::span<const PointerPart> OptimisedPointers::parts_in(std::uint64_t low,
                                                         std::uint64_t high) const {
  const auto low_of = [](const PointerPart& part) { return part.where.low; };
  const auto begin = std::ranges::lower_bound(parts_, low, {}, low_of);
  return {begin, std::ranges::lower_bound(begin, parts_.end(), high, {}, low_of)};
}

std::span<const ComputedPointer> OptimisedPointers::in(std::uint64_t low,
                                                       std::uint64_t high) const {
  const auto begin = std::ranges::lower_bound(all_, low, {}, &ComputedPointer::low);
  const auto end = std::ranges::lower_bound(begin, all_.end(), high, {}, &ComputedPointer::low);
  return {begin, end};
}

}  // namespace allocs::meta
