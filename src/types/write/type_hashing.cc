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
#include "types/write/type_hashing.h"

#include <algorithm>

#include "types/type_hash.h"

namespace allocs::types {

namespace {

constexpr std::uint64_t kDeclarationMark = 0xDEC1u;
constexpr Hash128 kInsideComponent{0, 1};  // stands for "an edge inside the component" in round 0

void add_own_content(Hasher& hasher, const TypeRecord& type, const TypeTables& tables,
                     const StringPool& strings) {
  switch (type.kind) {
    case Kind::composite: {
      auto detail = static_cast<CompositeKind>(type.detail);
      if (detail == CompositeKind::class_) detail = CompositeKind::structure;
      hasher.add(static_cast<std::uint64_t>(detail));
      hasher.add(strings.hash_of(type.name));
      if ((type.flags & kTypeIncomplete) != 0) return hasher.add(kDeclarationMark);
      hasher.add(type.size);
      hasher.add(type.count);
      for (const MemberRecord& member : tables.members_of(type)) {
        hasher.add(member.offset);
        hasher.add(strings.hash_of(member.name));
        hasher.add(std::uint64_t{member.flags});
      }
      return;
    }
    case Kind::enumeration:
      hasher.add(strings.hash_of(type.name));
      if ((type.flags & kTypeIncomplete) != 0) return hasher.add(kDeclarationMark);
      hasher.add(type.size);
      hasher.add(type.count);
      for (const EnumeratorRecord& enumerator : tables.enumerators_of(type)) {
        hasher.add(static_cast<std::uint64_t>(enumerator.value));
        hasher.add(strings.hash_of(enumerator.name));
      }
      return;
    case Kind::subprogram:
      hasher.add(std::uint64_t{type.flags} & kTypeVariadic);
      hasher.add(type.count);
      return;
    case Kind::subrange:
      hasher.add(type.count);
      hasher.add(tables.members_of(type)[0].offset);
      return;
    default:
      return;
  }
}

// The hash of a type whose parts have the hashes that `part(i)` gives.
template <typename PartHash>
Hash128 hash_of(const TypeRecord& type, const TypeTables& tables, const StringPool& strings,
                PartHash part) {
  switch (type.kind) {
    case Kind::void_:
      return hash_of_void();
    case Kind::base:
      return hash_of_base(type.detail, type.size, type.bit_size, type.bit_offset,
                          float_format(type.flags), (type.flags & kTypeBigEndian) != 0);
    case Kind::address: {
      const auto kind = static_cast<AddressKind>(type.detail);
      if (kind != AddressKind::member_pointer) return hash_of_address(kind, part(0));
      // Its class counts by name: by content, the class of a member that points to its own members would never end.
      Hasher hasher = type_hasher(Kind::address);
      hasher.add(strings.hash_of(type.file));
      hasher.add(hash_of_address(kind, part(0)));
      return hasher.finish();
    }
    case Kind::array:
      return hash_of_array(part(0), type.count);
    default: {
      Hasher hasher = type_hasher(type.kind);
      add_own_content(hasher, type, tables, strings);
      for (std::size_t i = 0; i < edge_count(type); ++i) hasher.add(part(i));
      return hasher.finish();
    }
  }
}

class ComponentHasher {
 public:
  ComponentHasher(const TypeTables& tables, const StringPool& strings,
                  std::span<const TypeIndex> stands_for)
      : tables_(tables),
        strings_(strings),
        stands_for_(stands_for),
        hashes_(tables.types.size()),
        order_(tables.types.size(), 0),
        low_(tables.types.size(), 0),
        component_(tables.types.size(), 0) {}

  std::vector<Hash128> run() {
    for (TypeIndex index = 0; index < tables_.types.size(); ++index) {
      if (stands_for_[index] == index && order_[index] == 0) visit(index);
    }
    return std::move(hashes_);
  }

 private:
  struct Frame {
    TypeIndex node;
    std::size_t next_edge;
  };

  TypeIndex child(TypeIndex node, std::size_t edge) const {
    const TypeIndex target = edge_of(tables_.types[node], tables_, edge);
    return target == kNoType ? stands_for_[0] : stands_for_[target];
  }

  // Tarjan's algorithm with its own stack: the depth is the input's to choose.
  void visit(TypeIndex start) {
    frames_.push_back({start, 0});
    open(start);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const TypeIndex node = frame.node;
      if (frame.next_edge < edge_count(tables_.types[node])) {
        const TypeIndex next = child(node, frame.next_edge++);
        if (order_[next] == 0) {
          open(next);
          frames_.push_back({next, 0});
        } else if (component_[next] == 0) {
          low_[node] = std::min(low_[node], order_[next]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
      }
      if (low_[node] == order_[node]) close_component(node);
    }
  }

  void open(TypeIndex node) {
    order_[node] = low_[node] = ++visited_;
    pending_.push_back(node);
  }

  void close_component(TypeIndex root) {
    const auto first = std::find(pending_.rbegin(), pending_.rend(), root).base() - 1;
    ++components_;
    for (auto at = first; at != pending_.end(); ++at) component_[*at] = components_;
    const std::span<const TypeIndex> nodes{&*first,
                                           static_cast<std::size_t>(pending_.end() - first)};
    if (nodes.size() == 1 && !has_edge_to_itself(root)) {
      hashes_[root] = formula(root);
    } else {
      hash_component(nodes);
    }
    pending_.erase(first, pending_.end());
  }

  bool has_edge_to_itself(TypeIndex node) const {
    for (std::size_t i = 0; i < edge_count(tables_.types[node]); ++i) {
      if (child(node, i) == node) return true;
    }
    return false;
  }

  Hash128 formula(TypeIndex node) const {
    return hash_of(tables_.types[node], tables_, strings_,
                   [&](std::size_t edge) { return hashes_[child(node, edge)]; });
  }

  // `hashes_` of the component's nodes holds the current round's values while this runs.
  void hash_component(std::span<const TypeIndex> nodes) {
    composites_.clear();
    for (const TypeIndex node : nodes) {
      hashes_[node] = kInsideComponent;
      if (tables_.types[node].kind == Kind::composite) composites_.push_back(node);
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
    const std::uint32_t here = components_;
    terms_.clear();
    for (const TypeIndex start : nodes) {
      if (!is_fresh_term(start, here)) continue;
      component_[start] = kOrdered;
      frames_of_terms_.push_back({start, 0});
      while (!frames_of_terms_.empty()) {
        Frame& frame = frames_of_terms_.back();
        if (frame.next_edge < edge_count(tables_.types[frame.node])) {
          const TypeIndex next = child(frame.node, frame.next_edge++);
          if (!is_fresh_term(next, here)) continue;
          component_[next] = kOrdered;
          frames_of_terms_.push_back({next, 0});
        } else {
          terms_.push_back(frame.node);
          frames_of_terms_.pop_back();
        }
      }
    }
  }
  bool is_fresh_term(TypeIndex node, std::uint32_t component) const {
    return component_[node] == component && tables_.types[node].kind != Kind::composite;
  }

  static constexpr std::uint32_t kOrdered = 0xFFFFFFFFu;

  const TypeTables& tables_;
  const StringPool& strings_;
  std::span<const TypeIndex> stands_for_;
  std::vector<Hash128> hashes_;
  std::vector<std::uint32_t> order_;  // 0: not visited
  std::vector<std::uint32_t> low_;
  std::vector<std::uint32_t> component_;  // 0: not closed
  std::uint32_t visited_ = 0;
  std::uint32_t components_ = 0;
  std::vector<TypeIndex> pending_;
  std::vector<Frame> frames_;
  std::vector<Frame> frames_of_terms_;
  std::vector<TypeIndex> composites_;
  std::vector<TypeIndex> terms_;
};

}  // namespace

std::size_t edge_count(const TypeRecord& type) {
  switch (type.kind) {
    case Kind::array:
    case Kind::address:
    case Kind::subrange:
      return 1;
    case Kind::composite:
      return type.count;
    case Kind::subprogram:
      return 1 + type.count;
    default:
      return 0;
  }
}

TypeIndex edge_of(const TypeRecord& type, const TypeTables& tables, std::size_t index) {
  if (type.kind == Kind::composite) return tables.members[type.first + index].type;
  return index == 0 ? type.target : tables.members[type.first + index - 1].type;
}

Hash128 hash_of_one(const TypeRecord& type, const TypeTables& tables, const StringPool& strings) {
  return hash_of(type, tables, strings, [&](std::size_t edge) {
    const TypeIndex part = edge_of(type, tables, edge);
    return tables.types[part == kNoType ? 0 : part].hash;
  });
}

Hash128 own_content_hash(const TypeRecord& type, const TypeTables& tables,
                         const StringPool& strings) {
  return hash_of(type, tables, strings, [](std::size_t) { return kInsideComponent; });
}

std::vector<Hash128> hash_types(const TypeTables& tables, const StringPool& strings,
                                std::span<const TypeIndex> stands_for) {
  return ComponentHasher{tables, strings, stands_for}.run();
}

}  // namespace allocs::types
