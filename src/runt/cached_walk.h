// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "base/address.h"
#include "base/memory.h"
#include "runt/rule_cache.h"
#include "runt/unwind.h"

namespace allocs::runt {

// This process's own memory as far as the given ranges go: usually the thread's stack, and its alternate stack.
// Context: signal.
class StackMemory {
 public:
  static constexpr std::size_t kMaxRanges = 3;
  constexpr explicit StackMemory(AddressRange stack) : ranges_{stack} {}
  constexpr StackMemory(AddressRange stack, AddressRange alternate) : ranges_{stack, alternate} {}
  [[gnu::always_inline]] const std::byte* view(Address at, std::size_t size) const {
    for (const AddressRange& range : ranges_) {
      if (at >= range.begin && at < range.end && size <= range.end - at) {
        return reinterpret_cast<const std::byte*>(raw(at));
      }
    }
    return nullptr;
  }
  bool operator==(const StackMemory&) const = default;

 private:
  AddressRange ranges_[kMaxRanges] = {};
};
static_assert(Memory<StackMemory>);

// A walk that asks the cache first: 5 ns a frame where it knows, 70-100 ns where it does not.
//
// Frames of the common shape need rip, rsp and rbp only, so the others are given up on the way. The rare frame whose rule
// needs one of them (a lazy binding stub, a realigned stack) makes the walk start over, keeping every register.
// `Rules` is asked on a miss. It may have a last_is_lasting(), which tells whether the rule that it gave last may be kept. Holds references to everything it is given; the walked frames must stay on their stack.
// Context: signal, if the memory's view() and the rules are.
template <Memory M, RuleSource R>
class CachedWalk {
 public:
  CachedWalk(const M& stack, const R& rules, RuleCache& cache, const Registers& start,
             bool is_interrupted = true)
      : stack_(stack),
        rules_(rules),
        cache_(cache),
        start_(start),
        starts_interrupted_(is_interrupted),
        cursor_{.registers = start, .is_interrupted = is_interrupted} {}

  // The next frame outwards, the starting one first. Absent when the walk is over: end() says how.
  std::optional<Frame> next() {
    if (cursor_.end != Certainty::known) return std::nullopt;
    if (const auto rule = cache_.find(cursor_.lookup_pc())) {
      if (const auto frame = step_packed(*rule)) return frame;
    }
    return step_uncached();
  }

  // Passes frames that lie below `at` as a whole, `most` of them, but for the last: next() gives that one. Does what as many calls of
  // next() do, in fewer instructions, and stops where that would do more than look a rule up in the cache.
  void pass_below(Address at, std::size_t most) {
    const Address lowest = cursor_.registers.sp();
    if (at <= lowest) return;
    const std::byte* const bytes = stack_.view(lowest, at - lowest);
    if (bytes == nullptr) return;
    const std::uint64_t generation = cache_.generation();
    Place here{cursor_.registers.pc(), lowest, cursor_.registers.value[elf::kRbp],
               cursor_.registers.has(elf::kRbp)};
    Place last = here;
    std::size_t passed = 0;
    for (Address pc = cursor_.lookup_pc(); passed < most; pc = here.pc - 1) {
      const PackedRule rule = cache_.find_or_zero(pc, generation);
      if (rule.bits == 0 || rule.is_outermost() || (rule.base_is_rbp() && !here.has_fp)) break;
      const Address cfa = (rule.base_is_rbp() ? Address{here.fp} : here.sp) + rule.cfa_offset();
      if (cfa <= here.sp || cfa > at || cfa - lowest < std::max(rule.rbp_offset(), kWord)) break;
      const std::byte* const end = bytes + (cfa - lowest);
      std::uint64_t caller_pc;
      __builtin_memcpy(&caller_pc, end - kWord, sizeof caller_pc);
      if (caller_pc == 0) break;
      last = here;
      here.pc = Address{caller_pc};
      here.sp = cfa;
      if (rule.rbp_offset() != 0) {
        __builtin_memcpy(&here.fp, end - rule.rbp_offset(), sizeof here.fp);
        here.has_fp = true;
      }
      ++passed;
    }
    if (passed < 2) return;
    cursor_.registers.value[elf::kRip] = raw(last.pc);
    cursor_.registers.value[elf::kRsp] = raw(last.sp);
    cursor_.registers.value[elf::kRbp] = last.fp;
    cursor_.registers.known =
        1u << elf::kRip | 1u << elf::kRsp | (last.has_fp ? 1u << elf::kRbp : 0u);
    cursor_.is_interrupted = false;
    frames_ += passed - 1;
    used_cache_ = true;
  }

  Certainty end() const {
    return cursor_.end == Certainty::known ? Certainty::cannot_tell : cursor_.end;
  }
  // What the next frame's rule is looked up with; where the walk has ended, that of the frame for which there was none.
  Address lookup_pc() const { return cursor_.lookup_pc(); }
  // The registers of the frame that comes next; rip, rsp and rbp at least.
  const Registers& registers() const { return cursor_.registers; }
  const M& memory() const { return stack_; }

  // All registers that can be known of the frame that came last: walks again, without the cache.
  std::optional<Registers> registers_of_last() const {
    UnwindCursor again{.registers = start_, .is_interrupted = starts_interrupted_};
    for (std::size_t i = 1; i < frames_; ++i) {
      if (!step(stack_, rules_, again)) return std::nullopt;
    }
    return frames_ == 0 ? std::nullopt : std::optional{again.registers};
  }

 private:
  // What the next frame's rule needs, where that has the common shape.
  struct Place {
    Address pc{};
    Address sp{};
    std::uint64_t fp = 0;
    bool has_fp = false;
  };

  static constexpr std::uint64_t kWord = 8;
  static constexpr std::uint32_t kTracked = 1u << elf::kRip | 1u << elf::kRsp | 1u << elf::kRbp;

  [[gnu::always_inline]] bool read_word(Address at, std::uint64_t& into) const {
    const std::byte* bytes = stack_.view(at, sizeof into);
    if (bytes != nullptr) __builtin_memcpy(&into, bytes, sizeof into);
    return bytes != nullptr;
  }

  // Changes nothing when it is absent.
  [[gnu::always_inline]] std::optional<Frame> step_packed(PackedRule rule) {
    Registers& registers = cursor_.registers;
    const Address sp = registers.sp();
    if (rule.base_is_rbp() && !registers.has(elf::kRbp)) return std::nullopt;
    const Address base = rule.base_is_rbp() ? Address{registers.value[elf::kRbp]} : sp;
    const Address cfa = base + rule.cfa_offset();
    if (cfa <= sp) return std::nullopt;
    const Frame frame{.pc = registers.pc(),
                      .sp = sp,
                      .cfa = cfa,
                      .is_interrupted = cursor_.is_interrupted,
                      .fp = Address{registers.has(elf::kRbp) ? registers.value[elf::kRbp] : 0},
                      .has_fixed_size = !rule.base_is_rbp()};
    if (rule.is_outermost()) {
      cursor_.end = Certainty::nothing_there;
      ++frames_;
      return frame;
    }
    std::uint64_t caller_pc;
    if (!read_word(cfa - 8, caller_pc) || caller_pc == 0) return std::nullopt;
    std::uint64_t rbp = registers.value[elf::kRbp];
    std::uint32_t known = registers.known & kTracked;
    if (rule.rbp_offset() != 0) {
      if (!read_word(cfa - rule.rbp_offset(), rbp)) return std::nullopt;
      known |= 1u << elf::kRbp;
    }
    registers.value[elf::kRbp] = rbp;
    registers.value[elf::kRsp] = raw(cfa);
    registers.value[elf::kRip] = caller_pc;
    registers.known = known;
    cursor_.is_interrupted = false;
    ++frames_;
    used_cache_ = true;
    return frame;
  }

  [[gnu::noinline]] std::optional<Frame> step_uncached() {
    const std::uint64_t generation = cache_.generation();
    const Address pc = cursor_.lookup_pc();
    const auto rule = rules_.rule_of(pc);
    if (rule && may_keep()) {
      if (const auto packed = PackedRule::pack(*rule)) cache_.insert(pc, generation, *packed);
    }
    if (const auto frame = step_by_rule(stack_, rule, cursor_)) {
      ++frames_;
      return frame;
    }
    return used_cache_ ? start_over() : std::nullopt;
  }

  bool may_keep() const {
    if constexpr (requires { rules_.last_is_lasting(); }) return rules_.last_is_lasting();
    return true;
  }

  // Repeats the walk up to here with all registers, then takes one step more.
  std::optional<Frame> start_over() {
    used_cache_ = false;
    cursor_ = {.registers = start_, .is_interrupted = starts_interrupted_};
    for (std::size_t i = 0; i < frames_; ++i) {
      if (!step(stack_, rules_, cursor_)) return std::nullopt;
    }
    const auto frame = step(stack_, rules_, cursor_);
    if (frame) ++frames_;
    return frame;
  }

  const M& stack_;
  const R& rules_;
  RuleCache& cache_;
  Registers start_;
  bool starts_interrupted_;
  UnwindCursor cursor_;
  std::size_t frames_ = 0;
  bool used_cache_ = false;
};

}  // namespace allocs::runt
