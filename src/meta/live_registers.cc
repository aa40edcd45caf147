// SPDX-License-Identifier: Apache-2.0
#include "meta/live_registers.h"

// Liveness as compilers know it, backward over the code until nothing changes; one round for each nested loop, and one more. Where it is in doubt a register is live.
namespace allocs::meta {
namespace {

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
    case Operation::multiply:
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

// Before some code is live what it reads, and what is live behind it and it keeps.
struct Effect {
  std::uint16_t reads = 0;
  std::uint16_t keeps = kAllRegisters;
};

class Liveness {
 public:
  Liveness(const CodePaths& paths, const std::function<CallEffect(std::size_t)>& effect_of_call)
      : paths_(paths),
        code_(paths.code()),
        effect_of_call_(effect_of_call),
        live_(paths.targets().size()) {}

  std::vector<std::uint16_t> run() {
    cut();
    while (pass()) {
    }
    for (std::uint16_t& live : live_) live = both(live, kAlways);
    return std::move(live_);
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Code that is entered at its beginning alone and left at its end alone.
  struct Block {
    Effect effect;
    std::uint32_t target = kNone;    // its number, if it is one
    std::uint32_t leads_to = kNone;  // likewise, if it ends with a jump or branch to a fixed place
    bool leads_to_any = false;       // if it ends with a jump by a table: to all that tables have
    bool goes_on = true;             // to the code behind it
  };

  // The last block first.
  void cut() {
    std::vector<std::uint32_t> target_at(code_.size(), kNone);
    for (std::size_t n = 0; n < live_.size(); ++n)
      target_at[paths_.targets()[n]] = static_cast<std::uint32_t>(n);
    for (const std::size_t entry : paths_.table_targets())
      table_targets_.push_back(target_at[entry]);
    auto turn = paths_.turns().rbegin();
    Block block;
    for (std::size_t at = code_.size(); at-- > 0;) {
      if (turn != paths_.turns().rend() && *turn == at) {
        ++turn;
        blocks_.push_back(block);
        block = {};
        const Instruction& i = code_[at];
        block.goes_on = i.operation == Operation::branch;
        if (const auto inside = paths_.target_of(at)) {
          block.leads_to = target_at[*inside];
        } else {
          block.leads_to_any = i.operation == Operation::jump && !i.first.is_immediate();
        }
      }
      const Effect effect = effect_of(at);
      block.effect.reads = both(block.effect.reads & effect.keeps, effect.reads);
      block.effect.keeps &= effect.keeps;
      if (target_at[at] == kNone) continue;
      block.target = target_at[at];
      blocks_.push_back(block);
      block = {};
    }
    blocks_.push_back(block);
  }

  // A jump's or branch's own, without what is live where it leads.
  Effect effect_of(std::size_t at) const {
    const Instruction& i = code_[at];
    const bool is_inside = paths_.target_of(at).has_value();
    switch (i.operation) {
      case Operation::call:
        return effect_of_call(at);
      case Operation::return_:
        return {kReturned, 0};
      case Operation::stop:
        return {0, 0};
      case Operation::jump:
      case Operation::branch:
        if (is_inside) return {};
        // Nobody knows what a piece of this function elsewhere reads.
        if (i.first.is_immediate()) return {kAllRegisters, kAllRegisters};
        return {both(given_to_calls(), named_by(i.first)), kAllRegisters};
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
    for (const Block& block : blocks_) {
      if (!block.goes_on) live = 0;
      if (block.leads_to != kNone) live = both(live, live_[block.leads_to]);
      if (block.leads_to_any) {
        for (const std::uint32_t target : table_targets_) live = both(live, live_[target]);
      }
      live = both(live & block.effect.keeps, block.effect.reads);
      if (block.target == kNone) continue;
      std::uint16_t& here = live_[block.target];
      has_changed = has_changed || here != live;
      here = live;
    }
    return has_changed;
  }

  const CodePaths& paths_;
  const std::vector<Instruction>& code_;
  const std::function<CallEffect(std::size_t)>& effect_of_call_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> table_targets_;  // their numbers
  std::vector<std::uint16_t> live_;           // at each target
};

}  // namespace

std::vector<std::uint16_t> live_registers(
    const CodePaths& paths, const std::function<CallEffect(std::size_t call)>& effect_of_call) {
  return Liveness{paths, effect_of_call}.run();
}

}  // namespace allocs::meta
