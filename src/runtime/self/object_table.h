// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/index/doubling.h"
#include "runtime/index/records.h"
#include "runtime/index/root.h"
#include "runtime/query/object.h"

namespace allocs::self {

// The query engine's view of each module instance of this process, made when somebody first asks about it. An entry is replaced as a
// whole when its metadata arrives; old ones stay, since a query may be reading them.
class ObjectTable {
 public:
  constexpr ObjectTable() = default;

  // nullptr: nobody asked yet. Context: signal.
  const query::Object* find(std::uint32_t instance) const {
    const Cell* cell = cell_of(instance);
    return cell == nullptr ? nullptr : cell->load(std::memory_order_acquire);
  }

  // False when memory runs out. Context: query.
  bool put(std::uint32_t instance, const query::Object* object);

 private:
  using Cell = std::atomic<const query::Object*>;
  static constexpr unsigned kFirstShift = index::kModuleFirstShift;

  Cell* cell_of(std::uint32_t instance) const {
    const index::Place place = index::place_of<kFirstShift>(instance);
    if (place.chunk >= chunks_.size()) return nullptr;
    Cell* chunk = chunks_[place.chunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + place.index;
  }

  std::array<std::atomic<Cell*>, index::kModuleChunks> chunks_{};
};

}  // namespace allocs::self
