// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "runtime/allocators/state.h"
#include "runtime/metadata/places.h"
#include "runtime/query/object.h"
#include "runtime/self/checked_image.h"
#include "runtime/self/object_table.h"

namespace allocs::self {

// Objects of this process with their metadata. Their images are checked page by page as they are used; one that is found damaged is not
// given any more, and looked for or made anew.
class Loader {
 public:
  constexpr Loader() = default;

  // The object of that module instance as far as it is known now; with `may_wait`, its metadata is found, or made, first. nullptr
  // if there is no such instance, or no memory. Context: signal without `may_wait`, else query.
  const query::Object* object(std::uint32_t instance, bool may_wait);

 private:
  const query::Object* make_bare(std::uint32_t instance);
  const query::Object* moved(std::uint32_t instance);
  const query::Object* load(std::uint32_t instance, const query::Object& bare);

  ObjectTable objects_;
  std::array<query::Object*, 64> earlier_{};  // of objects that moved
  std::size_t next_earlier_ = 0;
  void* spare_ = nullptr;  // room for an object, from a look that found nothing
};

// Where this process looks for metadata. Read at the start.
extern constinit metadata::Places g_places ALLOCS_OWN;

extern constinit std::atomic<bool> g_has_virtual_tables ALLOCS_OWN;
// Has any object's metadata that was loaded so far told of virtual tables? If not, no block tells its class. Context: signal.
inline bool has_virtual_tables() { return g_has_virtual_tables.load(std::memory_order_acquire); }

}  // namespace allocs::self
