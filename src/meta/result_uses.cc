// SPDX-License-Identifier: Apache-2.0
#include "meta/result_uses.h"

#include <algorithm>
#include <array>

namespace allocs::meta {

namespace {

// Adds, for each value that the atom may be, or be at some distance from: that it is derived from it.
template <typename Add>
void add_derived(const AtomTable& atoms, AtomId id, const Add& add) {
  const AtomKind kind = atoms[id].kind;
  const bool is_choice = kind == AtomKind::choice;
  if (!is_choice && kind != AtomKind::sum && kind != AtomKind::opaque) return;
  for (const Value& source : atoms.sources_of(id)) {
    const Distance distance = !is_choice           ? Distance::any
                              : source.addend != 0 ? Distance::number
                                                   : Distance::none;
    if (source.factor == 1) add(source.atom, {id, distance});
  }
}

}  // namespace

UseIndex::Facts::Facts(const FunctionFlow& flow)
    : holds(flow.atoms.size(),
            [&](auto add) {
              for (const HoldFact& hold : flow.holds) add(hold.value.atom, &hold);
            }),
      stores(flow.atoms.size(),
             [&](auto add) {
               for (const StoreFact& store : flow.stores)
                 if (store.value.factor == 1) add(store.value.atom, &store);
             }),
      stores_through(flow.atoms.size(),
                     [&](auto add) {
                       for (const StoreFact& store : flow.stores) {
                         const MemoryPlace& place = store.access.place;
                         const bool is_there = place.displacement == 0 &&
                                               place.index == Register::none &&
                                               store.access.base.is_atom();
                         if (is_there) add(store.access.base.atom, &store);
                       }
                     }),
      memory(flow.atoms.size(),
             [&](auto add) {
               for (const UseFact& use : flow.uses)
                 if (use.address.factor == 1) add(use.address.atom, &use);
             }),
      arguments(flow.atoms.size(),
                [&](auto add) {
                  for (const CallFact& call : flow.calls) {
                    for (int n = 0; n < 6; ++n) {
                      const Value& value = call.arguments[static_cast<std::size_t>(n)];
                      if (value.factor == 1) add(value.atom, std::pair{&call, n});
                    }
                  }
                }),
      derived(flow.atoms.size(),
              [&](auto add) {
                for (AtomId id = 0; id < flow.atoms.size(); ++id) add_derived(flow.atoms, id, add);
              }),
      is_returned(flow.atoms.size()),
      is_returned_moved(flow.atoms.size()),
      is_returned_second(flow.atoms.size()),
      escapes(flow.atoms.size()) {
  for (const Value& value : flow.returns) {
    if (value.is_atom()) is_returned[value.atom] = true;
    if (value.factor == 1 && value.addend != 0) is_returned_moved[value.atom] = true;
  }
  for (const Value& value : flow.second_returns) is_returned_second[value.atom] = true;
  for (const Value& value : flow.escapes) escapes[value.atom] = true;
}

const ResultUses& UseIndex::uses_of(AtomId result) const {
  const auto [at, is_new] = uses_.try_emplace(result);
  ResultUses& uses = at->second;
  if (!is_new) return uses;
  if (!facts_) facts_.emplace(flow_);
  const Facts& facts = *facts_;
  std::vector<bool> seen(flow_.atoms.size());
  std::vector<AtomId> todo{result};
  seen[result] = true;
  while (!todo.empty()) {
    const AtomId id = todo.back();
    todo.pop_back();
    const bool is_direct = id == result;
    for (const HoldFact* hold : facts.holds.of(id)) {
      if (hold->value.is_atom()) uses.holds.push_back({hold, is_direct});
    }
    for (const StoreFact* store : facts.stores.of(id)) {
      if (store->value.is_atom()) uses.stores.push_back({store, is_direct});
    }
    for (const auto& [call, n] : facts.arguments.of(id)) {
      if (call->arguments[static_cast<std::size_t>(n)].is_atom())
        uses.arguments.push_back({call, n, is_direct});
    }
    if (is_direct) {
      const auto words = facts.stores_through.of(id);
      uses.initial_words.assign(words.begin(), words.end());
    }
    uses.is_returned = uses.is_returned || facts.is_returned[id];
    uses.is_returned_always = uses.is_returned_always || (facts.is_returned[id] && is_direct);
    for (const auto& [choice, distance] : facts.derived.of(id)) {
      if (distance != Distance::none || seen[choice]) continue;
      todo.push_back(choice);
      seen[choice] = true;
    }
  }
  add_uses_elsewhere(facts, result, uses);
  return uses;
}

void UseIndex::add_uses_elsewhere(const Facts& facts, AtomId result, ResultUses& uses) const {
  std::array<std::vector<bool>, 3> seen;  // by distance
  seen.fill(std::vector<bool>(flow_.atoms.size()));
  std::vector<Derived> todo;
  const auto visit = [&](AtomId atom, Distance distance) {
    auto is_seen = seen[static_cast<std::size_t>(distance)][atom];
    if (!is_seen) todo.push_back({atom, distance});
    is_seen = true;
  };
  visit(result, Distance::none);
  while (!todo.empty()) {
    const Derived at = todo.back();
    todo.pop_back();
    const bool is_elsewhere = at.distance != Distance::none;
    const auto counts = [&](const Value& value) { return is_elsewhere || value.addend != 0; };
    for (const HoldFact* hold : facts.holds.of(at.atom)) {
      if (counts(hold->value)) uses.holds_elsewhere.push_back(hold);
    }
    for (const StoreFact* store : facts.stores.of(at.atom)) {
      if (counts(store->value)) uses.stores_elsewhere.push_back(store);
    }
    for (const auto& [call, n] : facts.arguments.of(at.atom)) {
      if (counts(call->arguments[static_cast<std::size_t>(n)]))
        uses.arguments_elsewhere.emplace_back(call, n);
    }
    for (const UseFact* use : facts.memory.of(at.atom)) uses.memory.push_back(use);
    uses.is_lost = uses.is_lost || facts.escapes[at.atom];
    uses.is_returned_second = uses.is_returned_second || facts.is_returned_second[at.atom];
    const bool is_moved =
        facts.is_returned_moved[at.atom] || (is_elsewhere && facts.is_returned[at.atom]);
    uses.is_returned_elsewhere = uses.is_returned_elsewhere || is_moved;
    uses.is_returned_behind_head =
        uses.is_returned_behind_head || (is_moved && at.distance != Distance::any);
    for (const Derived& next : facts.derived.of(at.atom))
      visit(next.atom, std::max(at.distance, next.distance));
  }
}

}  // namespace allocs::meta
