// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "meta/values.h"

namespace allocs::meta {

// A stack slot whose content is known.
struct Slot {
  std::int64_t offset = 0;  // from the canonical frame address
  std::uint8_t size = 0;
  Value value;
};

// What registers and stack hold at one point of a function.
class MachineState {
 public:
  std::array<Value, kRegisterCount> registers{};

  Value& operator[](Register r) { return registers[static_cast<std::size_t>(r)]; }
  const Value& operator[](Register r) const { return registers[static_cast<std::size_t>(r)]; }

  Access access_of(const Operand& operand, std::uint64_t pc) const {
    Access access{operand.memory, operand.size, pc, {}, {}};
    if (operand.memory.base != Register::none) access.base = (*this)[operand.memory.base];
    if (operand.memory.index != Register::none) access.index = (*this)[operand.memory.index];
    return access;
  }

  const Value* slot(std::int64_t offset, std::uint8_t size) const {
    const auto at = lower(offset);
    return at != slots_.end() && at->offset == offset && at->size == size ? &at->value : nullptr;
  }
  template <typename Visit>
  void for_each_slot(Visit visit) const {
    for (const Slot& slot : slots_) visit(slot.value);
  }
  void set_slot(std::int64_t offset, std::uint8_t size, const Value& value) {
    const auto at = slots_.begin() + (lower(offset) - slots_.begin());
    if (at != slots_.end() && at->offset == offset && at->size == size) {
      at->value = value;
      return;
    }
    forget_slots(offset, offset + size);
    if (offset < -kFarthestSlot || offset > kFarthestSlot) return;
    slots_.insert(slots_.begin() + (lower(offset) - slots_.begin()), {offset, size, value});
  }
  // Forgets the slots that overlap [low, high).
  void forget_slots(std::int64_t low, std::int64_t high) {
    const auto first = std::ranges::partition_point(
        slots_, [&](const Slot& s) { return s.offset + s.size <= low; });
    const auto last = std::ranges::partition_point(first, slots_.end(),
                                                   [&](const Slot& s) { return s.offset < high; });
    slots_.erase(first, last);
  }

  // Makes this state true also for code that comes from `other`. `choose(where, mine, theirs)` gives the value that stands for
  // both. Returns whether anything changed.
  template <typename Choose>
  bool join(const MachineState& other, Choose choose) {
    bool changed = false;
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      if (registers[r] == other.registers[r]) continue;
      const Value both = choose(static_cast<std::int32_t>(r), registers[r], other.registers[r]);
      changed = changed || !(both == registers[r]);
      registers[r] = both;
    }
    auto theirs = other.slots_.begin();
    std::erase_if(slots_, [&](Slot& slot) {  // both by offset
      while (theirs != other.slots_.end() && theirs->offset < slot.offset) ++theirs;
      const bool is_there = theirs != other.slots_.end() && theirs->offset == slot.offset &&
                            theirs->size == slot.size;
      if (!is_there) return changed = true;
      if (theirs->value == slot.value) return false;
      const Value both =
          choose(kSlotBase + static_cast<std::int32_t>(slot.offset), slot.value, theirs->value);
      changed = changed || !(both == slot.value);
      slot.value = both;
      return false;
    });
    return changed;
  }

 private:
  std::vector<Slot>::const_iterator lower(std::int64_t offset) const {
    return std::lower_bound(slots_.begin(), slots_.end(), offset,
                            [](const Slot& s, std::int64_t o) { return s.offset < o; });
  }
  std::vector<Slot> slots_;  // by offset, disjoint
};

}  // namespace allocs::meta
