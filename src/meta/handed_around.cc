// SPDX-License-Identifier: Apache-2.0
#include "meta/handed_around.h"

#include <algorithm>
#include <unordered_set>

namespace allocs::meta {

namespace {

bool are_called_alike(const AllocationFunction& a, const AllocationFunction& b) {
  return a.size == b.size && a.count == b.count && a.unit == b.unit;
}

}  // namespace

std::vector<AllocationFunction> handed_around(
    const std::map<std::uint64_t, AllocationFunction>& allocating, const Linkage& linkage,
    const CodeScan& scan) {
  std::unordered_set<std::uint64_t> taken(scan.functions_taken.begin(), scan.functions_taken.end());
  for (const DataPointer& pointer : linkage.data_pointers()) taken.insert(pointer.target);
  std::vector<AllocationFunction> found;
  for (const auto& entry : allocating) {
    const AllocationFunction& function = entry.second;
    const bool may_be = taken.contains(entry.first) && function.size != kNoArgument &&
                        function.kind == AllocationKind::plain;
    if (!may_be) continue;
    const bool is_new = std::none_of(
        found.begin(), found.end(),
        [&](const AllocationFunction& other) { return are_called_alike(function, other); });
    if (!is_new) continue;
    found.push_back(function);
    found.back().name = {};
  }
  return found;
}

}  // namespace allocs::meta
