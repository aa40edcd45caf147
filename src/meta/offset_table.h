// SPDX-License-Identifier: Apache-2.0
#pragma once

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

  std::uint32_t find(DieKey key) const { return slots_[slot_of(key)].value; }

  // The value of `key`; if there is none yet, `fresh` becomes it.
  std::uint32_t find_or_add(DieKey key, std::uint32_t fresh) {
    std::size_t slot = slot_of(key);
    if (slots_[slot].value != kAbsent) return slots_[slot].value;
    if (++used_ * 2 > slots_.size()) {
      grow();
      slot = slot_of(key);
    }
    slots_[slot] = {key, fresh};
    return fresh;
  }

 private:
  struct Slot {
    DieKey key = kNoDie;
    std::uint32_t value = kAbsent;
  };
  std::size_t slot_of(DieKey key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (((key >> 7) * 0x9E3779B97F4A7C15u >> 32) + (key >> 2 & 31)) & mask;
    while (slots_[slot].value != kAbsent && slots_[slot].key != key) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.value != kAbsent) slots_[slot_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1 << 12);
  std::size_t used_ = 0;
};

}  // namespace allocs::meta
