// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "meta/die_stream.h"

namespace allocs::meta {

// DieKey -> 32-bit number, for a million keys: open addressing, no deletion. Entries that are neighbours in the file
// are neighbours here: each 128 bytes of the file have 32 slots in a row, at a scattered place, since most references
// are to what is near.
class OffsetTable {
 public:
  static constexpr std::uint32_t kAbsent = 0xFFFFFFFFu;

  std::size_t size() const { return used_; }
  void clear() {
    used_ = 0;
    if (++generation_ == 0) *this = {};
  }
  template <typename Change>
  void change_values(Change change) {
    for (Slot& slot : slots_) {
      if (is_used(slot)) slot.value = change(slot.value);
    }
  }

  std::uint32_t find(DieKey key) const {
    const Slot& slot = slots_[slot_of(key)];
    return is_used(slot) ? slot.value : kAbsent;
  }

  // The value of `key`; if there is none yet, `fresh` becomes it.
  std::uint32_t find_or_add(DieKey key, std::uint32_t fresh) {
    std::size_t slot = slot_of(key);
    if (is_used(slots_[slot])) return slots_[slot].value;
    if (++used_ * 2 > slots_.size()) {
      grow();
      slot = slot_of(key);
    }
    slots_[slot] = {key, fresh, generation_};
    return fresh;
  }

 private:
  struct Slot {
    DieKey key = kNoDie;
    std::uint32_t value = kAbsent;
    std::uint32_t generation = 0;
  };
  bool is_used(const Slot& slot) const { return slot.generation == generation_; }
  std::size_t slot_of(DieKey key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (((key >> 7) * 0x9E3779B97F4A7C15u >> 32) + (key >> 2 & 31)) & mask;
    while (is_used(slots_[slot]) && slots_[slot].key != key) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (is_used(slot)) slots_[slot_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1 << 12);
  std::size_t used_ = 0;
  std::uint32_t generation_ = 1;  // slots of earlier ones are free
};

}  // namespace allocs::meta
