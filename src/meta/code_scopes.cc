// SPDX-License-Identifier: Apache-2.0
#include "meta/code_scopes.h"

#include <algorithm>

// Scopes nest, so their ranges do too:
//
//     f        |-------------------------|
//     g in f        |----------|
//     h in g           |--|
//     becomes  f....g..h..g....f.........-
//
// One sweep over the ranges, outer ones first, with a stack of those that are open, cuts the code into stretches that belong to one
// scope each; a look-up is a binary search.
namespace allocs::meta {

namespace {

struct OpenRange {
  PcRange range;
  std::uint32_t scope = types::kNoRecord;
};

std::vector<OpenRange> all_ranges(const DwarfFacts& facts) {
  std::vector<OpenRange> all;
  for (std::uint32_t scope = 0; scope < facts.scopes.size(); ++scope) {
    const CodeScope& one = facts.scopes[scope];
    for (std::uint32_t i = 0; i < one.range_count; ++i)
      all.push_back({facts.scope_ranges[one.first_range + i], scope});
  }
  // A parent has a smaller index than what is inlined in it.
  std::sort(all.begin(), all.end(), [](const OpenRange& a, const OpenRange& b) {
    if (a.range.low != b.range.low) return a.range.low < b.range.low;
    if (a.range.high != b.range.high) return a.range.high > b.range.high;
    return a.scope < b.scope;
  });
  return all;
}

}  // namespace

CodeScopes::CodeScopes(const DwarfFacts& facts) {
  std::vector<OpenRange> open;
  const auto begin_stretch = [&](std::uint64_t low, std::uint32_t scope) {
    if (!stretches_.empty() && stretches_.back().low == low) stretches_.pop_back();
    stretches_.push_back({low, scope});
  };
  const auto close_until = [&](std::uint64_t address) {
    while (!open.empty() && open.back().range.high <= address) {
      const std::uint64_t high = open.back().range.high;
      open.pop_back();
      // What sticks out of the range around it ends with that one.
      while (!open.empty() && open.back().range.high <= high) open.pop_back();
      begin_stretch(high, open.empty() ? types::kNoRecord : open.back().scope);
    }
  };
  for (const OpenRange& next : all_ranges(facts)) {
    close_until(next.range.low);
    open.push_back(next);
    begin_stretch(next.range.low, next.scope);
  }
  close_until(~std::uint64_t{0});
}

std::uint32_t CodeScopes::innermost_at(std::uint64_t pc) const {
  const auto after =
      std::upper_bound(stretches_.begin(), stretches_.end(), pc,
                       [](std::uint64_t at, const Stretch& one) { return at < one.low; });
  return after == stretches_.begin() ? types::kNoRecord : std::prev(after)->scope;
}

}  // namespace allocs::meta
