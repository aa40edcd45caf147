// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/reference_place.h"

#include "runtime/query/frame_scan.h"
#include "runtime/query/object_reader.h"
#include "runtime/self/ask.h"
#include "types/word_content.h"

namespace allocs::preload {

ReferencePlace look_at_reference(const self::SelfProcess& process, Address at) {
  using query::FramePlace;
  const query::Answer holder = self::ask(process, at);
  if (holder.error != ALLOC_OK) return {};
  if (const auto slot = query::slot_at(process, holder, at)) {
    return {.type = slot->range.begin == at ? slot->type : nullptr,
            .is_other = slot->holds == FramePlace::Holds::no_pointer ||
                        slot->part == FramePlace::Part::return_address};
  }
  if (holder.type == nullptr) return {};
  types::WordContent content;
  const types::ObjectReader reader = query::object_reader(process);
  content.add(
      *holder.type, holder.range, at, [&](unsigned depth) { return holder.rows.at(depth); },
      &reader);
  if (content.pointer != nullptr) return {.type = const_cast<uniqtype*>(content.pointer)};
  // Arrays of bytes may hold anything, and where the type has no member something else may lie: a virtual base of which the place cannot be told, what follows a header.
  const bool is_sure =
      holder.type_grade >= ALLOC_GRADE_STRONG && (holder.evidence & ALLOC_EV_VIRTUAL_TABLE) == 0;
  const bool is_number = content.begins_with_other && !content.begins_with_bytes &&
                         !content.is_unclear && !content.is_saved_register;
  return {.is_other = is_sure && is_number};
}

}  // namespace allocs::preload
