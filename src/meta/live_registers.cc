// SPDX-License-Identifier: Apache-2.0
#include "meta/live_registers.h"

// Liveness as compilers know it, backward over the code until nothing changes; one round for each nested loop, and one more. Where it is in doubt a register is live.
namespace allocs::meta {
namespace {

constexpr std::uint16_t kAllRegisters = 0xFFFF;
constexpr std::uint16_t kAlways = mask_of(Register::rsp) | mask_of(Register::rbp);
constexpr std::uint16_t kReturned = mask_of(Register::rax) | mask_of(Register::rdx);

constexpr std::uint16_t both(std::uint16_t a, std::uint16_t b) {
  return static_cast<std::uint16_t>(a | b);
}
constexpr std::uint16_t all_but(std::uint16_t mask) { return static_cast<std::uint16_t>(~mask); }

// A called function's arguments; rax counts those in vector registers.
constexpr std::uint16_t given_to_calls() {
  std::uint16_t mask = mask_of(Register::rax);
  for (const Register r : kArgumentRegisters) mask = both(mask, mask_of(r));
  return mask;
}

std::uint16_t named_by(const Operand& operand) {
  if (!operand.is_memory()) return mask_of(operand.gpr);
  return both(mask_of(operand.base), mask_of(operand.index));
}

std::uint16_t read_by(const Instruction& i) {
  const std::uint16_t sources = both(named_by(i.second), named_by(i.third));
  switch (i.operation) {
    case Operation::move:
    case Operation::extend:
    case Operation::take_address:
    case Operation::pop: {
      const bool is_overwritten = i.first.is_gpr() && i.first.size >= 4;
      return is_overwritten ? sources : both(sources, named_by(i.first));
    }
    case Operation::zero:
      return 0;
    default:
      return both(sources, named_by(i.first));
  }
}

// Before an instruction is live what it reads, and what is live behind it and it keeps.
struct Effect {
  std::uint16_t reads = 0;
  std::uint16_t keeps = 0;
};

class Liveness {
 public:
  Liveness(const CodePaths& paths, const std::function<CallEffect(std::size_t)>& effect_of_call)
      : paths_(paths),
        code_(paths.code()),
        effect_of_call_(effect_of_call),
        live_(paths.targets().size()),
        target_at_(code_.size(), kNone) {
    effects_.reserve(code_.size());
    for (std::size_t at = 0; at < code_.size(); ++at) effects_.push_back(effect_of(at));
    for (std::size_t n = 0; n < live_.size(); ++n)
      target_at_[paths.targets()[n]] = static_cast<std::uint32_t>(n);
  }

  std::vector<std::uint16_t> run() {
    while (pass()) {
    }
    for (std::uint16_t& live : live_) live |= kAlways;
    return std::move(live_);
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  Effect effect_of(std::size_t at) const {
    const Instruction& i = code_[at];
    const bool is_inside = paths_.target_of(at).has_value();
    switch (i.operation) {
      case Operation::call:
        return effect_of_call(at);
      case Operation::return_:
        return {kReturned, 0};
      case Operation::stop:
        return {};
      case Operation::jump:
        if (is_inside) return {};
        // Nobody knows what a piece of this function elsewhere reads.
        if (i.first.is_immediate()) return {kAllRegisters, 0};
        return {both(given_to_calls(), named_by(i.first)), 0};
      case Operation::branch:
        return {is_inside ? std::uint16_t{0} : kAllRegisters, kAllRegisters};
      default:
        return {read_by(i), all_but(i.writes)};
    }
  }
  Effect effect_of_call(std::size_t at) const {
    const Operand& callee = code_[at].first;
    const bool is_fixed = callee.is_immediate() || callee.is_memory();
    const CallEffect effect = is_fixed ? effect_of_call_(at) : CallEffect{};
    return {both(given_to_calls(), named_by(callee)),
            effect.ends_way ? std::uint16_t{0} : all_but(effect.changed)};
  }

  bool pass() {
    bool has_changed = false;
    std::uint16_t live = 0;
    for (std::size_t at = code_.size(); at-- > 0;) {
      live = both(live & effects_[at].keeps, effects_[at].reads);
      const Operation operation = code_[at].operation;
      if (operation == Operation::jump || operation == Operation::branch) {
        paths_.for_each_target_of(
            at, [&](std::size_t target) { live = both(live, live_[target_at_[target]]); });
      }
      if (target_at_[at] == kNone) continue;
      std::uint16_t& here = live_[target_at_[at]];
      has_changed = has_changed || here != live;
      here = live;
    }
    return has_changed;
  }

  const CodePaths& paths_;
  const std::vector<Instruction>& code_;
  const std::function<CallEffect(std::size_t)>& effect_of_call_;
  std::vector<Effect> effects_;           // of each instruction
  std::vector<std::uint16_t> live_;       // at each target
  std::vector<std::uint32_t> target_at_;  // of each instruction: its number among the targets
};

}  // namespace

std::vector<std::uint16_t> live_registers(
    const CodePaths& paths, const std::function<CallEffect(std::size_t call)>& effect_of_call) {
  return Liveness{paths, effect_of_call}.run();
}

}  // namespace allocs::meta
