// SPDX-License-Identifier: Apache-2.0
//
// Types refer to each other in cycles (struct node { struct node *next; }), so no type can simply be hashed after
// those it refers to. Strongly connected components can: Tarjan's algorithm hands them out in such an order that
// everything a component refers to outside itself is hashed already. A component of one node without an edge to
// itself is a formula.
//
// In a larger one, only composites take part in the rounds, since every cycle passes through one; pointers, arrays
// and signatures between them are formulas over the composites. Example: struct a { struct b *b; }, struct b { struct
// a *a; int n; }. Round 0: a and b have their names, sizes, members' names and offsets. Round 1: a also knows what b
// was in round 0, and the other way round. The number of distinct hashes was 2 and is 2: done; each then takes in the
// set of both. Two composites end with one hash exactly if no path of members tells them apart (bisimilarity),
// however often the component repeats itself.
//
// Rejected: hashing by name to a fixed depth (distinct types of one name would collide), and one refinement over the
// whole graph (as many rounds as the longest chain, over 250 000 nodes for libc).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "types/type_hash.h"
#include "types/write/type_tables.h"

namespace allocs::types {

inline constexpr Hash128 kInsideComponent{
    0, 1};  // stands for "an edge inside the component" in round 0

// Fills in the hashes of the nodes from `first` on; those before, and any other that is not {0, 0}, are known already.
//
// A Graph has
//   bool takes_part(node)                   others get no hash; nothing leads to them
//   edge_count(node), child(node, edge)     what the node is made of
//   bool is_composite(node)
//   Hash128 formula(node, part)             its hash; part(edge) gives what to take for the hash of a part
//   bool settle(nodes, hashes)              may give the nodes of a component hashes of its own choice, after those of all that they lead to; false
//                                           to have them hashed
// Time: linear, but for the rounds inside one component.
template <typename Graph>
class ComponentHasher {
 public:
  ComponentHasher(Graph& graph, std::vector<Hash128>& hashes, TypeIndex first)
      : graph_(graph), hashes_(hashes), first_(first), marks_(hashes.size() - first) {}

  void run() {
    for (auto index = first_; index < hashes_.size(); ++index) {
      if (graph_.takes_part(index) && !is_known(index)) visit(index);
    }
  }

 private:
  struct Frame {
    TypeIndex node;
    std::size_t next_edge;
  };
  struct Mark {
    std::uint32_t order = 0;  // 0: not visited
    std::uint32_t low = 0;
    std::uint32_t component = 0;  // while it is being hashed, and not ordered yet
  };

  bool is_known(TypeIndex node) const { return !(hashes_[node] == Hash128{}); }
  Mark& mark(TypeIndex node) { return marks_[node - first_]; }

  // Tarjan's algorithm with its own stack: the depth is the input's to choose.
  void visit(TypeIndex start) {
    frames_.push_back({start, 0});
    open(start);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const TypeIndex node = frame.node;
      if (frame.next_edge < graph_.edge_count(node)) {
        const TypeIndex next = graph_.child(node, frame.next_edge++);
        if (is_known(next)) continue;
        if (mark(next).order == 0) {
          open(next);
          frames_.push_back({next, 0});
        } else {
          mark(node).low = std::min(mark(node).low, mark(next).order);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        Mark& parent = mark(frames_.back().node);
        parent.low = std::min(parent.low, mark(node).low);
      }
      if (mark(node).low == mark(node).order) close_component(node);
    }
  }

  void open(TypeIndex node) {
    mark(node).order = mark(node).low = ++visited_;
    pending_.push_back(node);
  }

  void close_component(TypeIndex root) {
    const auto first = std::find(pending_.rbegin(), pending_.rend(), root).base() - 1;
    const std::span<const TypeIndex> nodes{&*first,
                                           static_cast<std::size_t>(pending_.end() - first)};
    if (!graph_.settle(nodes, hashes_)) {
      if (nodes.size() == 1 && !has_edge_to_itself(root)) {
        hashes_[root] = formula(root);
      } else {
        hash_component(nodes);
      }
    }
    pending_.erase(first, pending_.end());
  }

  bool has_edge_to_itself(TypeIndex node) const {
    for (std::size_t i = 0; i < graph_.edge_count(node); ++i) {
      if (graph_.child(node, i) == node) return true;
    }
    return false;
  }

  Hash128 formula(TypeIndex node) const {
    return graph_.formula(node,
                          [&](std::size_t edge) { return hashes_[graph_.child(node, edge)]; });
  }

  // `hashes_` of the component's nodes holds the current round's values while this runs.
  void hash_component(std::span<const TypeIndex> nodes) {
    composites_.clear();
    ++components_;
    for (const TypeIndex node : nodes) {
      hashes_[node] = kInsideComponent;
      mark(node).component = components_;
      if (graph_.is_composite(node)) composites_.push_back(node);
    }
    order_terms(nodes);
    std::vector<Hash128> next(composites_.size());
    const auto round = [&](bool keep_own) {
      for (std::size_t i = 0; i < composites_.size(); ++i) {
        Hasher hasher;
        if (keep_own) hasher.add(hashes_[composites_[i]]);
        hasher.add(formula(composites_[i]));
        next[i] = hasher.finish();
      }
      for (std::size_t i = 0; i < composites_.size(); ++i) hashes_[composites_[i]] = next[i];
      for (const TypeIndex term : terms_) hashes_[term] = formula(term);
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      const std::size_t distinct = next.size();
      return distinct;
    };
    std::size_t distinct = round(false);
    for (;;) {
      next.resize(composites_.size());
      const std::size_t now = round(true);
      if (now <= distinct) break;
      distinct = now;
    }
    Hasher whole;
    for (const Hash128& hash : next) whole.add(hash);
    const Hash128 component = whole.finish();
    for (const TypeIndex node : composites_) {
      Hasher hasher = type_hasher(Kind::composite);
      hasher.add(hashes_[node]);
      hasher.add(component);
      hashes_[node] = hasher.finish();
    }
    for (const TypeIndex term : terms_) hashes_[term] = formula(term);
  }

  // The component's terms such that each comes after the terms it is built from. A cycle without a composite, which no
  // language allows, is cut somewhere.
  void order_terms(std::span<const TypeIndex> nodes) {
    terms_.clear();
    for (const TypeIndex start : nodes) {
      if (!is_fresh_term(start)) continue;
      mark(start).component = 0;
      frames_of_terms_.push_back({start, 0});
      while (!frames_of_terms_.empty()) {
        Frame& frame = frames_of_terms_.back();
        if (frame.next_edge < graph_.edge_count(frame.node)) {
          const TypeIndex next = graph_.child(frame.node, frame.next_edge++);
          if (!is_fresh_term(next)) continue;
          mark(next).component = 0;
          frames_of_terms_.push_back({next, 0});
        } else {
          terms_.push_back(frame.node);
          frames_of_terms_.pop_back();
        }
      }
    }
  }
  bool is_fresh_term(TypeIndex node) {
    return node >= first_ && mark(node).component == components_ && !graph_.is_composite(node);
  }

  Graph& graph_;
  std::vector<Hash128>& hashes_;
  TypeIndex first_;
  std::vector<Mark> marks_;
  std::uint32_t visited_ = 0;
  std::uint32_t components_ = 0;
  std::vector<TypeIndex> pending_;
  std::vector<Frame> frames_;
  std::vector<Frame> frames_of_terms_;
  std::vector<TypeIndex> composites_;
  std::vector<TypeIndex> terms_;
};

}  // namespace allocs::types
