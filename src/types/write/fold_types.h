// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "types/write/source_types.h"

namespace allocs::types {

// Where nodes have gone. Those before `first` have stayed.
struct Renumbering {
  TypeIndex first = 0;
  TypeIndex base = 0;
  std::span<const TypeIndex> to;  // of `base` and those behind it

  TypeIndex operator()(TypeIndex node) const {
    return node == kNoType || node < first ? node : to[node - base];
  }
};

// Keeps SourceTypes small while it is being filled: of nodes that say the same, all that they lead to included, the first stays. Merging
// (merge_types.h) then finds what it would have found among all of them.
//
// The same is what differs in nothing that later steps look at: in no field, in no part, and for an anonymous type not in the typedefs that
// may name it. A node that is not described yet, and all that leads to it, waits for the next time. SourceTypes::singular ones stay as they are.
class TypeFolder {
 public:
  // `may_be_referred_to`: entries of units that are not read yet may lead to what is here, so a typedef there may name an anonymous type.
  // What is no part of `source` and has a node's number must be renumbered as the result says. It is good until the next call.
  Renumbering fold(SourceTypes& source, const StringPool& strings, bool may_be_referred_to);

  // How many nodes the last fold has left.
  std::size_t size() const { return old_.types; }
  // With how many nodes it pays to fold again: `least` new ones, and so many that each is looked at a few times in all.
  static constexpr std::size_t kUsualLeast = 16384;
  std::size_t due_at(std::size_t least) const;

 private:
  class Graph;

  void keep_first_of_each(SourceTypes& source, TypeIndex first);
  TypeIndex find_or_add(const Hash128& key, TypeIndex next);
  std::size_t slot_of(const Hash128& key) const;
  void forget_slots_from(TypeIndex first);
  void renumber(SourceTypes& source, const Renumbering& moved, TypeIndex from);

  std::vector<Hash128> keys_;         // by node: {0, 0} for one that waits
  std::vector<std::uint32_t> slots_;  // node + 1, by its key: open addressing
  std::size_t in_slots_ = 0;
  std::vector<TypeIndex> to_;
  struct Sizes {
    std::size_t types = 0, members = 0, enumerators = 0, bit_fields = 0;
  };
  Sizes old_;                    // as the last fold left them
  TypeIndex first_waiting_ = 0;  // all before it have their keys
  TypeIndex first_moved_ = 0;
  std::uint64_t singular_ = 0;  // how many there have been
};

}  // namespace allocs::types
