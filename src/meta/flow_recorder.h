// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "meta/machine_state.h"
#include "meta/value_flow.h"

namespace allocs::meta {

// Writes down what a function does with values that may be results of calls, once it is known what its registers hold before each
// instruction. Instructions come in the order of their addresses.
class FlowRecorder {
 public:
  // Keeps a reference to `flow`.
  FlowRecorder(FunctionFlow& flow, Origins origins) : flow_(flow), origins_(origins) {}

  // Ways meet at the next instruction: any register may hold something else.
  void start_way() { may_have_changed_ = kAllRegisters; }
  // What the registers hold before `now`, and what memory it uses.
  void before(const Instruction& now, const MachineState& state);
  void store(const Access& access, std::uint64_t after, const Value& value);
  // Of an instruction that is not modelled, with what its general registers hold.
  void unfollowed(const Instruction& now, std::span<const Value> sources);
  // Control leaves for code that is not looked at.
  void way_out(const MachineState& state);
  void end();

 private:
  void holds(const Instruction& now, const MachineState& state);
  void close(HoldFact& open);
  void uses(const Instruction& now, const MachineState& state);
  void use(const Operand& operand, const MachineState& state);
  void blind_read(const Operand& operand, const Instruction& now, const MachineState& state);
  void escape(const Value& value);
  bool is_argument(const Value& value) const;
  bool may_be_result(const Value& value) const;
  bool is_address(const Value& value) const;
  bool is_word(const Value& value) const;

  FunctionFlow& flow_;
  Origins origins_;
  std::array<HoldFact, kRegisterCount> open_{};
  // The end of the last instruction before which all in `open_` were held, and the registers that may have changed since.
  std::uint64_t held_until_ = 0;
  std::uint32_t may_have_changed_ = kAllRegisters;
};

}  // namespace allocs::meta
