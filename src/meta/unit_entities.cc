// SPDX-License-Identifier: Apache-2.0
#include "meta/unit_entities.h"

#include <span>

namespace allocs::meta {

void settle_origins(DwarfFacts& facts, const OffsetTable& entries, EntityIndex first) {
  constexpr int kMostHops = 8;
  const std::vector<Entity>& all = facts.entities;
  const std::span own = std::span{facts.entities}.subspan(first);
  for (Entity& entity : own) {
    DieKey origin = entity.origin;
    for (int hop = 0; hop < kMostHops && origin != kNoDie; ++hop) {
      const EntityIndex index = entries.find(origin);
      if (index == OffsetTable::kAbsent) break;
      const Entity& from = all[index];
      if (entity.name == 0) entity.name = from.name;
      if (entity.linkage_name == 0) entity.linkage_name = from.linkage_name;
      if (entity.type == types::kNoType) entity.type = from.type;
      if (entity.return_type == types::kNoType) entity.return_type = from.return_type;
      if (entity.file == 0) entity.file = from.file;
      if (entity.line == 0) entity.line = from.line;
      if (entity.owner == kNoEntity) entity.owner = from.owner;
      entity.is_external = entity.is_external || from.is_external;
      origin = from.origin;
    }
  }
  // A definition outside its class leaves the return type to the declaration inside.
  for (const Entity& entity : own) {
    if (entity.origin == kNoDie || entity.return_type == types::kNoType ||
        entity.type == types::kNoType)
      continue;
    types::TypeRecord& signature = facts.types.types[entity.type];
    if (signature.kind == types::Kind::subprogram && signature.target == 0)
      signature.target = entity.return_type;
  }
  for (Entity& entity : own) entity.origin = kNoDie;
}

// All places in the unit's facts that name an entity.
template <typename Visit>
void UnitEntities::visit_facts(Visit visit) {
  const auto each = [](auto& table, std::size_t from, auto see) {
    for (auto& row : std::span{table}.subspan(from)) see(row);
  };
  each(facts_.statics, old_.statics, [&](StaticDraft& row) { visit(row.entity); });
  each(facts_.declared_variables, old_.declared_variables, visit);
  each(facts_.functions, old_.functions, [&](FunctionDraft& row) { visit(row.entity); });
  each(facts_.variables, old_.variables, [&](VariableDraft& row) {
    visit(row.entity);
    visit(row.inlined);
  });
  each(facts_.computed_values, old_.computed_values,
       [&](ComputedValue& row) { visit(row.entity); });
  each(facts_.parts, old_.parts, [&](PartDraft& row) { visit(row.entity); });
  each(facts_.scopes, old_.scopes, [&](CodeScope& row) { visit(row.function); });
  each(facts_.allocate_code, old_.allocate_code, [&](AllocateCode& row) { visit(row.function); });
  each(facts_.allocate_functions, old_.allocate_functions,
       [&](AllocateFunction& row) { visit(row.function); });
}

void UnitEntities::begin() {
  first_ = static_cast<EntityIndex>(facts_.entities.size());
  old_ = {
      facts_.statics.size(),   facts_.declared_variables.size(), facts_.functions.size(),
      facts_.variables.size(), facts_.computed_values.size(),    facts_.parts.size(),
      facts_.scopes.size(),    facts_.allocate_code.size(),      facts_.allocate_functions.size()};
  kept_.clear();
}

// What an entity is in is needed with it. (kNoEntity in to_: not needed so far.)
void UnitEntities::need(EntityIndex entity) {
  while (entity != kNoEntity && entity >= first_ && to_[entity - first_] == kNoEntity) {
    to_[entity - first_] = 0;
    entity = facts_.entities[entity].owner;
  }
}

void UnitEntities::drop_the_rest() {
  to_.assign(facts_.entities.size() - first_, kNoEntity);
  for (const EntityIndex entity : kept_) need(entity);
  visit_facts([this](EntityIndex entity) { need(entity); });
  EntityIndex next = first_;
  for (EntityIndex entity = first_; entity < facts_.entities.size(); ++entity) {
    if (to_[entity - first_] == kNoEntity) continue;
    to_[entity - first_] = next;
    facts_.entities[next++] = facts_.entities[entity];
  }
  facts_.entities.resize(next);
  for (Entity& entity : std::span{facts_.entities}.subspan(first_))
    entity.owner = now_at(entity.owner);
  visit_facts([this](EntityIndex& entity) { entity = now_at(entity); });
}

}  // namespace allocs::meta
