// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <optional>
#include <span>

#include "allocs/walk.h"
#include "runt/registers.h"
#include "runtime/preload/own_scratch.h"
#include "runtime/query/answer.h"
#include "runtime/self/kept_walk.h"
#include "runtime/self/self_process.h"

// What is reachable, breadth first: blocks of malloc, and mappings whose type the program has stated.
//
// A list of what was reached, in that order, is the queue as well, and each entry knows by which it was reached, so the way back from it is the shortest route to it. What was reached already is
// told by a hash table of indices into the list. Both live in pages of their own, for the time of the call, as many as there may be nodes.
//
// All bytes of a node are looked through for addresses of nodes: that costs less than asking its type where pointers are, and finds what the type does not have, such as virtual bases. What is found
// and new is asked about: see reference_place.h. So types are asked once for each node that is reached, and for numbers that look like addresses.
namespace allocs::preload {

struct Reached {
  Address node{};
  Address at{};            // of the pointer; 0: in a register
  std::uint32_t from = 0;  // 1 + index of the node that has the pointer; 0: a root
  std::uint32_t distance = 1;
};

// In memory that is zero at first.
class ReachedNodes {
 public:
  ReachedNodes() = default;
  // `list` has room for `capacity`, `table` for slots_for(capacity).
  ReachedNodes(Reached* list, std::uint64_t capacity, std::uint32_t* table)
      : list_(list), capacity_(capacity), table_(table), slots_(slots_for(capacity)) {}
  static constexpr std::uint64_t slots_for(std::uint64_t nodes) {
    return std::bit_ceil(2 * nodes + 2);
  }

  std::uint64_t size() const { return size_; }
  const Reached& operator[](std::uint64_t i) const { return list_[i]; }
  bool has(Address node) const { return table_[slot_of(node)] != 0; }
  // One that is new. False: there is no room.
  bool add(const Reached& reached) {
    if (size_ == capacity_) return false;
    list_[size_] = reached;
    table_[slot_of(reached.node)] = static_cast<std::uint32_t>(++size_);
    return true;
  }

 private:
  // Where it is, or would be. The lowest bits of all nodes are the same.
  std::uint64_t slot_of(Address node) const {
    const std::uint64_t hash = raw(node) * 0x9E3779B97F4A7C15u;
    std::uint64_t slot = hash >> (64 - std::countr_zero(slots_));
    while (table_[slot] != 0 && list_[table_[slot] - 1].node != node)
      slot = (slot + 1) & (slots_ - 1);
    return slot;
  }

  Reached* list_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint32_t* table_ = nullptr;
  std::uint64_t slots_ = 0;
  std::uint64_t size_ = 0;
};

// The node that contains `at`: nothing there if none does. Context: query.
query::Answer node_at(const self::SelfProcess& process, Address at);

class GraphWalk {
 public:
  // `asker` may wait, and ask the kernel. Context of all: query.
  explicit GraphWalk(const self::SelfProcess& asker);

  // visit(const Reached&, const query::Answer&, index) for each node; its result as a visitor's.
  template <typename Visit>
  int run(Visit&& visit) {
    if (!memory_->is_there() || !add_roots()) return ALLOC_E_NO_MEMORY;
    for (std::uint64_t i = 0; i < reached_.size(); ++i) {
      const Reached each = reached_[i];
      const query::Answer node = node_at(process_, each.node);
      if (node.error != ALLOC_OK) continue;
      const int result = visit(each, node, i);
      if (result != ALLOC_WALK_ON && result != ALLOC_WALK_PRUNE) return result;
      if (result == ALLOC_WALK_ON && !follow(node, i)) return ALLOC_E_NO_MEMORY;
    }
    return 0;
  }
  const ReachedNodes& reached() const { return reached_; }

 private:
  bool add_roots();
  bool follow(const query::Answer& node, std::uint64_t i);
  // Where the node begins that contains `at`; Address{}: none does.
  Address find_node(Address at) const;
  // At `how.at`, or in a register, an address of a node may have been found. False: there is no room for it.
  bool consider(std::uint64_t value, Reached how, bool is_root);

  self::KeptWalk kept_;
  const self::SelfProcess process_;
  runt::Registers registers_;
  std::uint64_t lowest_ = ~std::uint64_t{0}, highest_ = 0;  // addresses in nodes
  std::optional<OwnScratch> memory_;
  std::span<AddressRange> mappings_;  // by address
  std::byte* buffer_ = nullptr;       // of runt::AddressScan
  ReachedNodes reached_;
};

}  // namespace allocs::preload
