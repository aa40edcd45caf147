// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "runt/unwind.h"

namespace allocs::runt {

// A walk that keeps all registers that can be known, each frame's rule, and where in memory each register's value lies. Slower than CachedWalk: for questions about
// saved registers. Copies go on by themselves. Holds references to memory and rules.
// Context: signal, if the memory's view() and the rules are.
template <Memory S, RuleSource R>
class RegisterWalk {
 public:
  RegisterWalk(const S& stack, const R& rules, const Registers& start, bool is_interrupted = true)
      : stack_(&stack),
        rules_(&rules),
        starts_interrupted_(is_interrupted),
        cursor_{.registers = start, .is_interrupted = is_interrupted} {}
  // One over the same stack, from the same frame, that has not begun.
  RegisterWalk from(const Registers& start) const {
    return {*stack_, *rules_, start, starts_interrupted_};
  }

  // To the next frame outwards, the starting one first. Absent when the walk is over. What is below is of the frame that came last.
  std::optional<Frame> next() {
    if (frame_ && rule_) note_places();
    ++number_;
    registers_ = cursor_.registers;
    rule_ = cursor_.end == Certainty::known ? rules_->rule_of(cursor_.lookup_pc()) : std::nullopt;
    frame_ = step_by_rule(*stack_, rule_, cursor_);
    return frame_;
  }

  const std::optional<Frame>& frame() const { return frame_; }
  unsigned number() const { return number_; }  // of the frame: the innermost is 1
  const elf::UnwindRule& rule() const { return *rule_; }
  const Registers& registers() const { return registers_; }
  // Where a frame further in, or the kernel, has saved the register; Address{0}: nowhere, it still has its value.
  Address place_of(unsigned which) const { return places_[which]; }

  // Calls visit(register, Address of the slot) for each register of the caller's that the frame has in memory, by number.
  template <typename Visit>
  void for_each_slot(Visit&& visit) const {
    for (std::uint32_t left = rule_->specified; left != 0; left &= left - 1) {
      const auto which = static_cast<unsigned>(__builtin_ctz(left));
      if (const auto at = slot_of(which)) visit(which, *at);
    }
  }

  // As query::FrameWalk has it.
  std::optional<Registers> registers_of_last() const { return registers_; }
  Address lookup_pc() const { return cursor_.lookup_pc(); }
  const S& memory() const { return *stack_; }

 private:
  std::optional<Address> slot_of(unsigned which) const {
    const auto where = static_cast<std::uint64_t>(std::int64_t{rule_->where[which]});
    if (rule_->how[which] == elf::Saved::at_cfa_offset) return frame_->cfa + where;
    if (rule_->how[which] != elf::Saved::at_expression) return std::nullopt;
    const auto at = evaluate(*stack_, rule_->expression_of(which), registers_, raw(frame_->cfa));
    return at ? std::optional(Address{*at}) : std::nullopt;
  }

  void note_places() {
    const auto before = places_;
    for (unsigned which = 0; which < elf::kRegisterCount; ++which) {
      switch (rule_->how_saved(which)) {
        case elf::Saved::unspecified:
        case elf::Saved::same:
          break;
        case elf::Saved::in_register:
          places_[which] = before[static_cast<unsigned>(rule_->where[which])];
          break;
        default:
          places_[which] = slot_of(which).value_or(Address{});
      }
    }
  }

  const S* stack_;
  const R* rules_;
  bool starts_interrupted_;
  UnwindCursor cursor_;
  unsigned number_ = 0;
  std::optional<Frame> frame_;
  std::optional<elf::UnwindRule> rule_;
  Registers registers_{};
  std::array<Address, elf::kRegisterCount> places_{};
};

}  // namespace allocs::runt
