// SPDX-License-Identifier: Apache-2.0
#include "meta/code_order.h"

namespace allocs::meta {
namespace {

// Where control may go from each stretch: that of number n to leads_to[first[n]] and so on, up to first[n + 1].
struct Ways {
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> leads_to;
};

Ways ways_between(const CodePaths& paths, std::span<const std::size_t> starts,
                  std::span<const std::uint32_t> start_at) {
  const std::vector<Instruction>& code = paths.code();
  Ways ways;
  ways.first.reserve(starts.size() + 1);
  auto turn = paths.turns().begin();
  for (std::size_t n = 0; n < starts.size(); ++n) {
    ways.first.push_back(static_cast<std::uint32_t>(ways.leads_to.size()));
    const bool is_last = n + 1 == starts.size();
    const std::size_t end = is_last ? code.size() : starts[n + 1];
    bool goes_on = !is_last;
    for (; turn != paths.turns().end() && *turn < end; ++turn) {
      const Operation operation = code[*turn].operation;
      if (operation == Operation::return_) {
        goes_on = false;
        continue;
      }
      paths.for_each_target_of(
          *turn, [&](std::size_t target) { ways.leads_to.push_back(start_at[target]); });
      goes_on = goes_on && operation == Operation::branch;
    }
    if (goes_on) ways.leads_to.push_back(static_cast<std::uint32_t>(n + 1));
  }
  ways.first.push_back(static_cast<std::uint32_t>(ways.leads_to.size()));
  return ways;
}

}  // namespace

std::vector<std::uint32_t> order_of_stretches(const CodePaths& paths,
                                              std::span<const std::size_t> starts,
                                              std::span<const std::uint32_t> start_at) {
  struct Visit {
    std::uint32_t stretch;
    std::uint32_t way;  // the next that was not tried
  };
  const Ways ways = ways_between(paths, starts, start_at);
  std::vector<std::uint32_t> order(starts.size());
  std::size_t left = order.size();
  std::vector<bool> seen(starts.size());
  std::vector<Visit> visits;
  const auto visit = [&](std::uint32_t stretch) {
    if (seen[stretch]) return;
    seen[stretch] = true;
    visits.push_back({stretch, ways.first[stretch]});
  };
  for (std::uint32_t root = 0; root < starts.size(); ++root) {
    visit(root);
    while (!visits.empty()) {
      Visit& last = visits.back();
      if (last.way < ways.first[last.stretch + 1]) {
        visit(ways.leads_to[last.way++]);
      } else {
        order[--left] = last.stretch;
        visits.pop_back();
      }
    }
  }
  return order;
}

}  // namespace allocs::meta
