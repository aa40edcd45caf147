// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runtime/self/known_objects.h"
#include "types/instantiate.h"

namespace allocs::self {

// The short road to functions, variables and literals of an object whose metadata is there. It gives what query::query_static()
// would, in fewer instructions; where it gives nothing, ask query::query().
struct KnownStatic {
  const query::Object* object;
  const types::StaticRecord* record;

  Address base() const { return LinkAddress{record->address} + object->bias; }
  std::uint64_t size() const {
    return record->kind == types::StaticKind::function ? 0 : record->size;
  }
  Address end() const { return base() + record->size; }
  const char* name() const {
    return record->name == 0 ? nullptr : object->image->text(record->name);
  }
  // nullptr: it has none, or it was not made yet.
  uniqtype* type() const { return types::instantiated(object->slots, record->type); }
};

// What of `object`, or of none, is at `at`. Context: signal.
inline std::optional<KnownStatic> static_in(const query::Object* object, Address at) {
  if (object == nullptr) return std::nullopt;
  const auto* record = object->image->find_static(raw(object->link_address(at)));
  if (record == nullptr) return std::nullopt;
  return KnownStatic{object, record};
}

// The executable, if `at` is in it: its memory is its own, so the heap need not be asked. Context: signal.
inline const query::Object* executable_at(Address at) {
  return g_known_objects.find_in_executable(at);
}
// In any object; for an address that is in no block of malloc. Context: signal.
inline std::optional<KnownStatic> look_in_objects(Address at) {
  return static_in(g_known_objects.find(at), at);
}

}  // namespace allocs::self
