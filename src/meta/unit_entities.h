// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "meta/dwarf_facts.h"
#include "meta/offset_table.h"

namespace allocs::meta {

// Gives each entity from `first` on what its origin says, which is found in `entries`. They have no `origin` after that.
void settle_origins(DwarfFacts& facts, const OffsetTable& entries, EntityIndex first);

// Keeps entities few while units are read: most are declarations and arguments of them, and when their unit has ended nothing leads to them.
class UnitEntities {
 public:
  explicit UnitEntities(DwarfFacts& facts) : facts_(facts) {}

  // What is added to the facts from now on belongs to one unit.
  void begin();
  EntityIndex first() const { return first_; }
  // Needed by something that is not among the facts.
  void keep(EntityIndex entity) { kept_.push_back(entity); }
  // When no origins are left to be found: drops what no fact of the unit needs. Where the others are then, now_at() says.
  void drop_the_rest();
  EntityIndex now_at(EntityIndex entity) const {
    return entity == kNoEntity || entity < first_ ? entity : to_[entity - first_];
  }

 private:
  template <typename Visit>
  void visit_facts(Visit visit);
  void need(EntityIndex entity);

  DwarfFacts& facts_;
  EntityIndex first_ = 0;
  struct Sizes {
    std::size_t statics = 0, declared_variables = 0, functions = 0, variables = 0,
                computed_values = 0, parts = 0, scopes = 0, allocate_code = 0,
                allocate_functions = 0;
  };
  Sizes old_;  // when the unit began
  std::vector<EntityIndex> kept_;
  std::vector<EntityIndex> to_;  // of `first_` and those behind it
};

}  // namespace allocs::meta
