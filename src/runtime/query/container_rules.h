// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/memory.h"
#include "runtime/query/answer.h"
#include "runtime/query/process.h"
#include "types/elements.h"
#include "types/pointer_fields.h"
#include "types/subobject.h"

// What containers tell of the blocks that they keep their elements in (docs/formats/containers.md), in whichever process.
namespace allocs::query {

using ContainerRules = std::span<const types::ContainerRecord>;

// Those that the object's image has for the type; none if it does not describe that. Types are equal by their content.
inline ContainerRules rules_in(const Object& object, const uniqtype& type) {
  const auto& record = types::record_of(type);
  ContainerRules found;
  object.image->find_types_named(record.name, [&](types::TypeIndex index) {
    const auto* const described = object.image->type(index);
    if (described == nullptr || !(described->hash == record.hash)) return false;
    found = object.image->find_containers(index);
    return !found.empty();
  });
  return found;
}

// T, if the container at `base` keeps its elements in `block`, and begins them by the pointer at `at`; nullptr if it does not, or if the block has no
// room for a whole number of them.
template <Memory M>
uniqtype* element_type_by_rules(const TypeMaker& types, const M& memory, const Object& object,
                                ContainerRules rules, Address base, Address at,
                                AddressRange block) {
  types::ElementCursor cursor;
  if (types::ElementWalk<M>(memory, cursor).begin(rules, raw(base)) != ALLOC_OK) return nullptr;
  const types::ContainerRecord& rule = cursor.rule;
  const types::PlaceRecord& begin = rule.places[0];
  const bool begins_there = rule.element != types::kNoType &&
                            rule.shape == types::ContainerShape::array && begin.hops == 0 &&
                            base + begin.offsets[0] == at && cursor.at == raw(block.begin);
  if (!begins_there || block.size() % rule.element_size != 0) return nullptr;
  if (cursor.count > block.size() / rule.element_size) return nullptr;
  return types.type(object, rule.element);
}

// The same of any container that is, or is in, what `holder` tells of.
// for_each_description(type, visit): visit(const Object&, ContainerRules) for each object that has rules for the type, until it returns false.
// `looking`: who can look at objects (object_reader.h). May make a type. Context: as for_each_description and memory.
template <Memory M, typename ForEachDescription>
uniqtype* element_type_kept_in(const TypeMaker& types, const M& memory,
                               ForEachDescription&& for_each_description, const Answer& holder,
                               Address at, AddressRange block, const types::ObjectReader& looking) {
  types::ObjectAt outer{.reader = &looking, .at = holder.range.begin};
  const uniqtype* type = holder.type;
  std::uint64_t extent = holder.range.size();
  for (unsigned depth = 0; type != nullptr && depth < types::kDeepestPointerField; ++depth) {
    uniqtype* element = nullptr;
    if (types::record_of(*type).kind == types::Kind::composite) {
      for_each_description(*type, [&](const Object& object, ContainerRules rules) {
        element = element_type_by_rules(types, memory, object, rules, outer.at, at, block);
        return element == nullptr;
      });
    }
    if (element != nullptr) return element;
    types::Subobject step;
    if (!types::subobject_at(*type, extent, at - outer.at, step, 0, outer) || step.ambiguous)
      return nullptr;
    outer = outer.part(step);
    type = step.type;
    extent = step.size;
  }
  return nullptr;
}

}  // namespace allocs::query
