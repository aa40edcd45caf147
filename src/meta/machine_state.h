// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "meta/values.h"

namespace allocs::meta {

// A stack slot whose content is known.
struct Slot {
  std::int32_t offset = 0;  // from the canonical frame address
  std::int32_t size = 0;    // bytes
  Value value;

  bool operator==(const Slot&) const = default;
};

// What registers and stack hold at one point of a function.
class MachineState {
 public:
  std::array<Value, kRegisterCount> registers{};

  Value& operator[](Register r) { return registers[static_cast<std::size_t>(r)]; }
  const Value& operator[](Register r) const { return registers[static_cast<std::size_t>(r)]; }

  Access access_of(const Operand& operand, std::uint64_t pc) const {
    Access access{operand.memory(), operand.size, pc, {}, {}};
    if (operand.base != Register::none) access.base = (*this)[operand.base];
    if (operand.index != Register::none) access.index = (*this)[operand.index];
    return access;
  }

  // The memory of slots that are no longer needed, for another state, which has none yet.
  std::vector<Slot> take_room() {
    slots_.clear();
    return std::move(slots_);
  }
  void give_room(std::vector<Slot> room) { slots_ = std::move(room); }

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
    slots_.insert(slots_.begin() + (lower(offset) - slots_.begin()),
                  {static_cast<std::int32_t>(offset), size, value});
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
  // both; in a register that is not in the mask `live` nothing does. Returns whether anything changed.
  template <typename Choose>
  bool join(const MachineState& other, std::uint16_t live, Choose choose) {
    bool changed = false;
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      if (registers[r] == other.registers[r]) continue;
      const bool is_live = (live >> r & 1) != 0;
      const Value both =
          is_live ? choose(static_cast<std::int32_t>(r), registers[r], other.registers[r])
                  : Value::of(kAnything);
      changed = changed || !(both == registers[r]);
      registers[r] = both;
    }
    // Both are by offset, and mostly the same at first.
    const auto [mine, first_theirs] = std::ranges::mismatch(slots_, other.slots_);
    auto theirs = first_theirs;
    const auto end = std::remove_if(mine, slots_.end(), [&](Slot& slot) {
      while (theirs != other.slots_.end() && theirs->offset < slot.offset) ++theirs;
      const bool is_there = theirs != other.slots_.end() && theirs->offset == slot.offset &&
                            theirs->size == slot.size;
      if (!is_there) return changed = true;
      if (theirs->value == slot.value) return false;
      const Value both = choose(kSlotBase + slot.offset, slot.value, theirs->value);
      changed = changed || !(both == slot.value);
      slot.value = both;
      return false;
    });
    slots_.erase(end, slots_.end());
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
