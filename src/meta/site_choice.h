// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <unordered_set>
#include <vector>

#include "meta/request_size.h"
#include "types/write/type_graph.h"

namespace allocs::meta {

// One thing of declared pointer type that gets a block's address.
struct SiteTarget {
  types::TypeIndex type = types::kNoType;  // what the pointer points at
  std::uint8_t evidence = 0;               // SiteEvidence
  bool is_direct =
      true;  // false: the pointer gets the block's address on some ways, and something else on others
  bool may_be_another = false;  // in a place where other variables may be at other times
};

struct SiteType {
  types::TypeIndex element = types::kNoType;  // T, of a block of T or of T[]
  types::Shape shape = types::Shape::unknown;
  types::Provenance provenance = types::Provenance::none;
  std::uint8_t evidence = 0;
  bool conflict = false;

  bool is_known() const { return element != types::kNoType; }
};

// Which composites start with a given type: what derives from a class, what embeds a structure first. Computed once per object.
class Containers {
 public:
  explicit Containers(const types::TypeGraph& graph);

  // Whether something of exactly `size` bytes starts with `type` and is not `type`.
  bool has_of_size(types::TypeIndex type, std::uint64_t size) const;
  // Whether there is any structure of that size.
  // Whether a class has `type` as a base and is no larger.
  bool has_derived_of_same_size(types::TypeIndex type) const;
  bool has_structure_of_size(std::uint64_t size) const { return sizes_.contains(size); }
  // Whether `outer` starts with `inner`, at any depth.
  bool starts_with(types::TypeIndex outer, types::TypeIndex inner) const;

 private:
  bool starts_with(types::TypeIndex outer, types::TypeIndex inner, int depth) const;

  std::multimap<types::TypeIndex, types::TypeIndex> outer_of_;
  std::unordered_set<std::uint64_t> sizes_;
  const types::TypeGraph& graph_;
};

// The type of the blocks that come from one call.
//
// A target's type is taken only if the requested size does not contradict it, and if no other target speaks as well for
// another type. `dynamic_types` are the classes whose virtual tables the block is given; they overrule the targets.
// `targets_elsewhere` is what pointers into the block point at, and speaks against characters only. `rows` is what pointers point at that walk over
// the block, and speaks for an array. `evidence` of the answer holds the sizes that agree.
SiteType choose_type(const types::TypeGraph& graph, const Containers& containers,
                     std::span<const SiteTarget> targets,
                     std::span<const types::TypeIndex> targets_elsewhere,
                     std::span<const types::TypeIndex> rows,
                     std::span<const types::TypeIndex> dynamic_types, const RequestSize& size,
                     AllocationKind kind);

}  // namespace allocs::meta
