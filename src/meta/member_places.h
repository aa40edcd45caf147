// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "types/write/object_model.h"

namespace allocs::meta {

// A place in an object, and what is there.
struct MemberPlace {
  types::PlaceRecord place;
  types::TypeIndex type = types::kNoType;
};

// What "a.b->c" means in an object of `type`: members of bases and of unnamed members are found by their names alone, and "a.ns::base<int>.b" says
// of which base. Empty: there is no such
// member, or not at a constant place, or something is too far away.
std::optional<MemberPlace> find_member(const types::ObjectModel& model, types::TypeIndex type,
                                       std::string_view path);

// `place`, counted from what `by` bytes lie in front of. Empty: it would be too far away.
std::optional<types::PlaceRecord> moved(types::PlaceRecord place, std::uint64_t by);

}  // namespace allocs::meta
