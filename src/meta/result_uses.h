// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "meta/value_flow.h"

namespace allocs::meta {

// How far an address is from the start of a block.
enum class Distance : std::uint8_t { none, number, any };

// What one function does with the result of one of its calls.
struct ResultUses {
  struct Hold {
    const HoldFact* fact;
    bool is_direct;  // it is this result, whatever way control took
  };
  struct Store {
    const StoreFact* fact;
    bool is_direct;
  };
  struct Argument {
    const CallFact* call;
    int number;
    bool is_direct;
  };
  std::vector<Hold> holds;
  std::vector<Store> stores;                    // of the result
  std::vector<const StoreFact*> initial_words;  // to where the result points
  std::vector<Argument> arguments;
  // Of addresses at some distance from the result, known or not.
  std::vector<const HoldFact*> holds_elsewhere;
  std::vector<const StoreFact*> stores_elsewhere;
  std::vector<std::pair<const CallFact*, int>> arguments_elsewhere;
  std::vector<const UseFact*> memory;  // there, or somewhere from there on
  bool is_returned_elsewhere = false;
  bool is_returned_behind_head = false;  // at a distance that is a number
  bool is_returned = false;
  bool is_lost =
      false;  // it, or an address at some distance from it, goes where it is not followed
  bool is_returned_second = false;  // in rdx
  bool is_returned_always = false;  // where it is returned, nothing else may be
};

struct Derived {
  AtomId atom;
  Distance distance;
};

// Items by the atom that they are about, those of one atom in the order in which they are given.
template <typename Item>
class ByAtom {
 public:
  ByAtom() = default;
  // `atoms`: their number. `for_each(add)` calls `add(atom, item)` for each item, the same ones whenever it is called.
  template <typename ForEach>
  ByAtom(AtomId atoms, const ForEach& for_each) : first_(atoms + 2) {
    for_each([this](AtomId atom, const Item&) { ++first_[atom + 2]; });
    for (AtomId atom = 1; atom <= atoms; ++atom) first_[atom + 1] += first_[atom];
    items_.resize(first_[atoms + 1]);
    for_each([this](AtomId atom, const Item& item) { items_[first_[atom + 1]++] = item; });
  }
  std::span<const Item> of(AtomId atom) const {
    return std::span{items_}.subspan(first_[atom], first_[atom + 1] - first_[atom]);
  }

 private:
  std::vector<std::uint32_t> first_;  // those of atom a: [first_[a], first_[a + 1])
  std::vector<Item> items_;
};

// Finds them. The facts are indexed by value when the first result is asked for; a result then costs no more than the choices
// that it is part of.
class UseIndex {
 public:
  // Keeps a reference to `flow`.
  explicit UseIndex(const FunctionFlow& flow) : flow_(flow) {}
  // Context: one thread at a time.
  const ResultUses& uses_of(AtomId result) const;

 private:
  // `number` is that of a hold, a store or a use of memory; of an argument 6 times that of the call, and its own.
  struct Fact {
    enum class Kind : std::uint8_t { hold, store, store_through, memory, argument };
    Kind kind = Kind::hold;
    std::uint32_t number = 0;
  };
  struct Facts {
    ByAtom<Fact> about;
    ByAtom<Derived> derived;  // what may be the value, or an address at some distance from it
    std::vector<bool> is_returned;
    std::vector<bool> is_returned_moved;  // ... with a number added
    std::vector<bool> is_returned_second;
    std::vector<bool> escapes;

    explicit Facts(const FunctionFlow& flow);
  };
  std::pair<const CallFact*, int> argument(std::uint32_t number) const {
    return {&flow_.calls[number / 6], static_cast<int>(number % 6)};
  }
  template <typename Add>
  static void add_facts(const FunctionFlow& flow, const Add& add);
  void add_use(const Fact& fact, bool is_direct, ResultUses& uses) const;
  void add_use_elsewhere(const Fact& fact, bool is_elsewhere, ResultUses& uses) const;
  void add_uses_elsewhere(const Facts& facts, AtomId result, ResultUses& uses) const;

  const FunctionFlow& flow_;
  mutable std::optional<Facts> facts_;
  mutable std::unordered_map<AtomId, ResultUses> uses_;
};

}  // namespace allocs::meta
