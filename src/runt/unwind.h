// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "base/certainty.h"
#include "base/memory.h"
#include "elf/cfi.h"
#include "elf/eh_frame.h"
#include "runt/expression.h"
#include "runt/registers.h"

// From a set of registers to the caller's, one frame at a time, over any memory.
//
// The rules come from .eh_frame. What they lead to is believed only as far as it makes sense: memory that cannot be read,
// a stack pointer that does not move towards the caller, or code without a rule ends the walk with "cannot tell".
// A pc that a call left behind lies behind its call instruction, perhaps in the next function, so the rule is looked up
// one byte before it; the pc of a frame that was interrupted (the innermost one, and the one a signal hit) is exact.
namespace allocs::runt {

// One activation of a function.
struct Frame {
  Address pc{};
  Address sp{};  // when the function was at `pc`
  Address
      cfa{};  // canonical frame address: the stack pointer before the call into it, one word above its return address
  bool is_interrupted = false;  // `pc` is the next instruction to run, not a return address
  Address fp{};                 // the frame pointer register then; 0: not known
  bool has_fixed_size = false;  // the distance from `sp` to `cfa` depends on the pc alone
  bool is_signal_frame =
      false;  // the trampoline that a signal handler returns to; its "caller" was interrupted

  // An address inside the instruction that the frame is at: what tables are to be searched with.
  Address lookup_pc() const { return is_interrupted ? pc : pc - 1; }
  // The lowest byte that may hold the frame's own data: an interrupted leaf may use 128 bytes below its stack pointer.
  Address lowest() const { return is_interrupted ? sp - 128 : sp; }
};

// Gives the section that covers a pc, for find_unwind_rule().
template <typename F>
concept EhFrameFinder = requires(const F& finder, Address pc) {
  { finder.eh_frame_of(pc) } -> std::same_as<std::optional<elf::EhFrame>>;
};

// Gives the unwind rule of a pc.
template <typename R>
concept RuleSource = requires(const R& rules, Address pc) {
  { rules.rule_of(pc) } -> std::same_as<std::optional<elf::UnwindRule>>;
};

// The rules in the memory of the process that is looked at. Holds references to both.
template <Memory M, EhFrameFinder F>
class MemoryRules {
 public:
  MemoryRules(const M& memory, const F& finder) : memory_(memory), finder_(finder) {}
  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    const auto section = finder_.eh_frame_of(pc);
    if (!section) return std::nullopt;
    return elf::find_unwind_rule(memory_, *section, pc);
  }

 private:
  const M& memory_;
  const F& finder_;
};

// Where a walk stands. `end` tells why there is no next frame: nothing_there below the outermost one, else cannot_tell.
struct UnwindCursor {
  Registers registers{};
  bool is_interrupted = true;  // whether registers.pc() is exact
  Certainty end = Certainty::known;
  unsigned signal_frames = 0;

  Address lookup_pc() const { return is_interrupted ? registers.pc() : registers.pc() - 1; }
};

inline constexpr unsigned kMaxSignalFrames = 64;  // nested deeper: taken for a cycle

namespace unwind {

template <Memory M>
std::optional<std::uint64_t> cfa_of(const M& stack, const elf::UnwindRule& rule,
                                    const Registers& registers) {
  if (rule.cfa_is_expression) return evaluate(stack, rule.cfa_expression, registers, std::nullopt);
  if (!registers.has(rule.cfa_register)) return std::nullopt;
  return registers.value[rule.cfa_register] + static_cast<std::uint64_t>(rule.cfa_offset);
}

// The caller's value of a register that the rule speaks of; absent: lost.
template <Memory M>
std::optional<std::uint64_t> caller_value(const M& stack, const elf::UnwindRule& rule,
                                          const Registers& registers, std::uint64_t cfa,
                                          unsigned which) {
  const auto where = static_cast<std::uint64_t>(std::int64_t{rule.where[which]});
  switch (rule.how[which]) {
    case elf::Saved::at_cfa_offset:
      return load<std::uint64_t>(stack, Address{cfa + where});
    case elf::Saved::is_cfa_offset:
      return cfa + where;
    case elf::Saved::same:
      return registers.get(which);
    case elf::Saved::in_register:
      return registers.get(static_cast<unsigned>(where));
    case elf::Saved::at_expression: {
      const auto at = evaluate(stack, rule.expression_of(which), registers, cfa);
      return at ? load<std::uint64_t>(stack, Address{*at}) : std::nullopt;
    }
    case elf::Saved::is_expression:
      return evaluate(stack, rule.expression_of(which), registers, cfa);
    case elf::Saved::unspecified:
    case elf::Saved::undefined:
      break;
  }
  return std::nullopt;
}

// Replaces the cursor's registers by the caller's, or sets its end.
template <Memory M>
void move_to_caller(const M& stack, const elf::UnwindRule& rule, std::uint64_t cfa,
                    UnwindCursor& cursor) {
  if (rule.how_saved(rule.return_register) == elf::Saved::undefined) {
    cursor.end = Certainty::nothing_there;
    return;
  }
  Registers caller = cursor.registers;
  caller.known &= kPreservedRegisters;
  caller.set(elf::kRsp, cfa);
  for (std::uint32_t left = rule.specified; left != 0; left &= left - 1) {
    const auto which = static_cast<unsigned>(__builtin_ctz(left));
    if (const auto value = caller_value(stack, rule, cursor.registers, cfa, which)) {
      caller.set(which, *value);
    } else {
      caller.forget(which);
    }
  }
  const auto pc = caller.get(rule.return_register);
  const bool moves_up = caller.has(elf::kRsp) && caller.sp() > cursor.registers.sp();
  const bool believable = pc && caller.has(elf::kRsp) && (moves_up || rule.is_signal_frame);
  if (!believable || (rule.is_signal_frame && ++cursor.signal_frames > kMaxSignalFrames)) {
    cursor.end = Certainty::cannot_tell;
    return;
  }
  if (*pc == 0) {
    cursor.end = Certainty::nothing_there;
    return;
  }
  caller.set(elf::kRip, *pc);
  cursor.registers = caller;
  cursor.is_interrupted = rule.is_signal_frame;
}

}  // namespace unwind

// The frame at the cursor, given its rule; the cursor moves on to its caller. Absent when the walk is over: cursor.end
// says how.
// Context: signal, if the memory's view() is.
template <Memory M>
std::optional<Frame> step_by_rule(const M& stack, const std::optional<elf::UnwindRule>& rule,
                                  UnwindCursor& cursor) {
  if (cursor.end != Certainty::known) return std::nullopt;
  const Registers& registers = cursor.registers;
  const auto cfa = rule ? unwind::cfa_of(stack, *rule, registers) : std::nullopt;
  if (!cfa) {
    cursor.end = Certainty::cannot_tell;
    return std::nullopt;
  }
  const Frame frame{.pc = registers.pc(),
                    .sp = registers.sp(),
                    .cfa = Address{*cfa},
                    .is_interrupted = cursor.is_interrupted,
                    .fp = Address{registers.has(elf::kRbp) ? registers.value[elf::kRbp] : 0},
                    .has_fixed_size = !rule->cfa_is_expression && rule->cfa_register == elf::kRsp,
                    .is_signal_frame = rule->is_signal_frame};
  unwind::move_to_caller(stack, *rule, *cfa, cursor);
  return frame;
}

// The same, with the rule looked up.
template <Memory M, RuleSource R>
std::optional<Frame> step(const M& stack, const R& rules, UnwindCursor& cursor) {
  if (cursor.end != Certainty::known) return std::nullopt;
  return step_by_rule(stack, rules.rule_of(cursor.lookup_pc()), cursor);
}

}  // namespace allocs::runt
