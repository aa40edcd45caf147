// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/object_table.h"

#include "runtime/self/memory.h"

namespace allocs::self {

bool ObjectTable::put(std::uint32_t instance, const query::Object* object) {
  const index::Place place = index::place_of<kFirstShift>(instance);
  if (place.chunk >= chunks_.size()) return false;
  auto& chunk = chunks_[place.chunk];
  if (chunk.load(std::memory_order_acquire) == nullptr) {
    const std::size_t size = index::chunk_capacity<kFirstShift>(place.chunk) * sizeof(Cell);
    auto* made = static_cast<Cell*>(allocate(size));
    if (made == nullptr) return false;
    Cell* none = nullptr;
    chunk.compare_exchange_strong(none, made,
                                  std::memory_order_acq_rel);  // the loser's is left unused
  }
  cell_of(instance)->store(object, std::memory_order_release);
  return true;
}

}  // namespace allocs::self
