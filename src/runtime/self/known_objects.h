// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/allocators/state.h"
#include "runtime/index/word.h"
#include "runtime/query/object.h"

// From an address to the loaded object around it, for those objects whose metadata is there: a load and a few compares, where the
// module table takes a search.
//
// A cache with one slot for 64 KiB of addresses, each of which names an entry. An entry belongs to one object for ever; it
// holds while the set of loaded objects is the one that it was checked against, so that an object that was unloaded is no longer found.
// Readers need no lock: an entry's object never changes, and its generation is renewed only after the check.
//
// The executable is never unloaded, and has a place of its own that always holds.
namespace allocs::self {

// Changes whenever the set of loaded objects does, or is about to. Context: signal.
inline std::uint64_t object_generation() {
  return index::load_acquire(allocators::g_root.module_generation) +
         index::load_acquire(allocators::g_root.modules_changed);
}

class KnownObjects {
 public:
  // nullptr: ask the module table. Context: signal.
  const query::Object* find(Address at) const {
    const Entry* entry = slots_[slot_of(at)].load(std::memory_order_acquire);
    if (entry == nullptr || !entry->object->range.contains(at)) return nullptr;
    return entry->generation.load(std::memory_order_acquire) == object_generation() ? entry->object
                                                                                    : nullptr;
  }
  // The executable, if `at` is in it and nothing else can be: no gap between its segments leaves room for another's memory.
  // Context: signal.
  const query::Object* find_in_executable(Address at) const {
    const std::uint64_t begin = executable_begin_.load(std::memory_order_acquire);
    if (raw(at) - begin >= executable_size_) return nullptr;
    return executable_;
  }

  // `object` has metadata and was found at `at` when the set of loaded objects was `generation`. Context: query.
  void put(Address at, const query::Object* object, std::uint64_t generation);
  // Once. Context: query, under the loader's lock.
  void put_executable(const query::Object* object);

 private:
  struct Entry {
    const query::Object* object;
    std::atomic<std::uint64_t> generation;
    Entry* next;
  };
  static constexpr unsigned kSlotShift = 16;
  static constexpr std::size_t kSlots = 64;
  static std::size_t slot_of(Address at) { return (raw(at) >> kSlotShift) % kSlots; }

  std::atomic<std::uint64_t> executable_begin_{~std::uint64_t{0}};  // written last
  std::uint64_t executable_size_ = 0;
  const query::Object* executable_ = nullptr;
  std::array<std::atomic<Entry*>, kSlots> slots_{};
  std::atomic<Entry*> entries_{nullptr};  // all of them
};

extern constinit KnownObjects g_known_objects ALLOCS_OWN;

}  // namespace allocs::self
