// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "meta/member_uses.h"

namespace allocs::meta {

// Follows a pointer that a function has put into a variable in its frame, whose address it gives to others.
class MemberUses::LentMemory {
 public:
  // The pointer lies `slot` bytes from the canonical frame address.
  LentMemory(MemberUses& uses, const Followed& owner, std::int64_t slot)
      : uses_(uses), owner_(owner), slot_(slot) {}

  // What all of them do with the memory that the pointer leads to. Lost if somebody keeps the variable's address, or is not followed.
  MemoryUse find();

  // The functions that `call`, which is being looked at, may lead to, if it goes through a pointer that lies in the variable.
  std::optional<std::vector<std::uint64_t>> callees_of(const CallFact& call);

 private:
  // How far from the pointer an address leads.
  struct Distance {
    bool is_known = false;
    std::int64_t bytes = 0;
    friend auto operator<=>(const Distance&, const Distance&) = default;
  };
  static Distance at(std::int64_t bytes) { return {true, bytes}; }
  static Distance somewhere() { return {}; }
  // One function, and its values that lead into the variable.
  struct View {
    const Followed* function;
    std::map<AtomId, Distance> reach;  // of the atom itself
  };

  MemoryUse look(View& view);
  void find_derived(View& view) const;
  std::optional<Distance> distance_of(const View& view, const Value& value) const;
  std::optional<Distance> distance_of(const View& view, const Access& access) const;
  bool is_kept(const View& view) const;
  MemoryUse use_of_loads(View& view);
  MemoryUse use_by_callees(View& view);
  MemoryUse lend(View& view, const CallFact& call, int n, Distance distance);
  MemoryUse lend_to(std::uint64_t callee, int n, Distance distance);
  void note_writes(const View& view);
  bool are_functions_known_at(std::int64_t distance) const;

  MemberUses& uses_;
  const Followed& owner_;
  std::int64_t slot_;
  const View* view_ = nullptr;  // that is being looked at
  std::set<std::tuple<std::uint64_t, int, Distance>> seen_;
  std::set<std::int64_t>
      relied_on_;  // where a function's address lies that the owner has put there
  std::vector<std::pair<std::int64_t, std::int64_t>> written_;  // by others: [low, high)
};

}  // namespace allocs::meta
