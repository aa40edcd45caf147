// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/container_rules.h"

#include "types/pointer_fields.h"
#include "types/subobject.h"

namespace allocs::preload {

namespace {

using types::ElementCursor;
using types::ElementWalk;

// T of the container of that type at `base`.
uniqtype* element_type_of(const self::SelfProcess& process, const uniqtype& type, Address base,
                          Address at, AddressRange block) {
  uniqtype* found = nullptr;
  for_each_description(process, type, [&](const query::Object& object, ContainerRules rules) {
    ElementCursor cursor;
    const NodeMemory memory;
    if (ElementWalk<NodeMemory>(memory, cursor).begin(rules, raw(base)) != ALLOC_OK) return true;
    const types::ContainerRecord& rule = cursor.rule;
    const types::PlaceRecord& begin = rule.places[0];
    const bool begins_there = rule.element != types::kNoType &&
                              rule.shape == types::ContainerShape::array && begin.hops == 0 &&
                              base + begin.offsets[0] == at && cursor.at == raw(block.begin);
    if (!begins_there || block.size() % rule.element_size != 0) return true;
    if (cursor.count > block.size() / rule.element_size) return true;
    found = process.types().type(object, rule.element);
    return found == nullptr;
  });
  return found;
}

}  // namespace

uniqtype* element_type_kept_in(const self::SelfProcess& process, const query::Answer& holder,
                               Address at, AddressRange block) {
  const uniqtype* type = holder.type;
  Address base = holder.range.begin;
  std::uint64_t extent = holder.range.size();
  for (unsigned depth = 0; type != nullptr && depth < types::kDeepestPointerField; ++depth) {
    if (types::record_of(*type).kind == types::Kind::composite) {
      if (uniqtype* const element = element_type_of(process, *type, base, at, block))
        return element;
    }
    types::Subobject step;
    if (!types::subobject_at(*type, extent, at - base, step) || step.ambiguous) return nullptr;
    base = base + step.offset;
    type = step.type;
    extent = step.size;
  }
  return nullptr;
}

}  // namespace allocs::preload
