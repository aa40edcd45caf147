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

bool is_where_it_points(const Access& access) {
  return access.place.displacement == 0 && access.place.index == Register::none &&
         access.base.is_atom();
}

}  // namespace

template <typename Add>
void UseIndex::add_facts(const FunctionFlow& flow, const Add& add) {
  std::uint32_t number = 0;
  for (const HoldFact& hold : flow.holds) add(hold.value.atom, Fact{Fact::Kind::hold, number++});
  number = 0;
  for (const StoreFact& store : flow.stores) {
    if (store.value.factor == 1) add(store.value.atom, Fact{Fact::Kind::store, number});
    if (is_where_it_points(store.access))
      add(store.access.base.atom, Fact{Fact::Kind::store_through, number});
    ++number;
  }
  number = 0;
  for (const UseFact& use : flow.uses) {
    if (use.address.factor == 1) add(use.address.atom, Fact{Fact::Kind::memory, number});
    ++number;
  }
  number = 0;
  for (const CallFact& call : flow.calls) {
    for (const Value& value : call.arguments) {
      if (value.factor == 1) add(value.atom, Fact{Fact::Kind::argument, number});
      ++number;
    }
  }
}

UseIndex::Facts::Facts(const FunctionFlow& flow)
    : about(flow.atoms.size(), [&](auto add) { add_facts(flow, add); }),
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
    for (const Fact& fact : facts.about.of(id)) add_use(fact, is_direct, uses);
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

void UseIndex::add_use(const Fact& fact, bool is_direct, ResultUses& uses) const {
  switch (fact.kind) {
    case Fact::Kind::hold: {
      const HoldFact& hold = flow_.holds[fact.number];
      if (hold.value.is_atom()) uses.holds.push_back({&hold, is_direct});
      return;
    }
    case Fact::Kind::store: {
      const StoreFact& store = flow_.stores[fact.number];
      if (store.value.is_atom()) uses.stores.push_back({&store, is_direct});
      return;
    }
    case Fact::Kind::store_through:
      if (is_direct) uses.initial_words.push_back(&flow_.stores[fact.number]);
      return;
    case Fact::Kind::memory:
      return;
    case Fact::Kind::argument: {
      const auto [call, n] = argument(fact.number);
      if (call->arguments[static_cast<std::size_t>(n)].is_atom())
        uses.arguments.push_back({call, n, is_direct});
      return;
    }
  }
}

void UseIndex::add_use_elsewhere(const Fact& fact, bool is_elsewhere, ResultUses& uses) const {
  const auto counts = [&](const Value& value) { return is_elsewhere || value.addend != 0; };
  switch (fact.kind) {
    case Fact::Kind::hold: {
      const HoldFact& hold = flow_.holds[fact.number];
      if (counts(hold.value)) uses.holds_elsewhere.push_back(&hold);
      return;
    }
    case Fact::Kind::store: {
      const StoreFact& store = flow_.stores[fact.number];
      if (counts(store.value)) uses.stores_elsewhere.push_back(&store);
      return;
    }
    case Fact::Kind::store_through:
      return;
    case Fact::Kind::memory:
      uses.memory.push_back(&flow_.uses[fact.number]);
      return;
    case Fact::Kind::argument: {
      const auto [call, n] = argument(fact.number);
      if (counts(call->arguments[static_cast<std::size_t>(n)]))
        uses.arguments_elsewhere.emplace_back(call, n);
      return;
    }
  }
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
    for (const Fact& fact : facts.about.of(at.atom)) add_use_elsewhere(fact, is_elsewhere, uses);
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
