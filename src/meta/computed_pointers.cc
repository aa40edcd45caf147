// SPDX-License-Identifier: Apache-2.0
#include "meta/computed_pointers.h"

#include <algorithm>
#include <utility>

namespace allocs::meta {

ComputedPointers::ComputedPointers(const DwarfFacts& facts,
                                   std::span<const types::TypeIndex> index_of,
                                   const types::ObjectModel& model) {
  std::vector<ComputedPointer> found;
  for (const ComputedValue& value : facts.computed_values) {
    const types::TypeIndex read = facts.entities[value.entity].type;
    const types::TypeIndex type = read == types::kNoType ? read : index_of[read];
    if (type == types::kNoType || model.types[type].kind != types::Kind::address) continue;
    found.push_back({value.low, value.low + value.length, value.registers, value.addend, type});
  }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    order.emplace_back(found[i].low, static_cast<std::uint32_t>(i));
  std::ranges::sort(order);
  all_.reserve(found.size());
  for (const auto& [low, i] : order) all_.push_back(found[i]);
}

std::span<const ComputedPointer> ComputedPointers::in(std::uint64_t low, std::uint64_t high) const {
  const auto begin = std::ranges::lower_bound(all_, low, {}, &ComputedPointer::low);
  const auto end = std::ranges::lower_bound(begin, all_.end(), high, {}, &ComputedPointer::low);
  return {begin, end};
}

}  // namespace allocs::meta
