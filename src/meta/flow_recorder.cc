// SPDX-License-Identifier: Apache-2.0
#include "meta/flow_recorder.h"

#include <algorithm>
#include <bit>

namespace allocs::meta {

void FlowRecorder::before(const Instruction& now, const MachineState& state) {
  holds(now, state);
  uses(now, state);
}

void FlowRecorder::way_out(const MachineState& state) {
  flow_.has_way_out = true;
  for (const Value& value : state.registers) escape(value);
  state.for_each_slot([this](const Value& value) { escape(value); });
}

void FlowRecorder::escape(const Value& value) {
  if (!value.is_constant() && may_be_result(value)) flow_.escapes.push_back(value);
}

void FlowRecorder::unfollowed(const Instruction& now, std::span<const Value> sources) {
  bool moves_elsewhere = false;
  for (const Operand* operand : {&now.first, &now.second}) {
    const bool is_foreign = operand->kind == Operand::Kind::foreign;
    moves_elsewhere = moves_elsewhere || is_foreign || operand->is_memory();
  }
  if (moves_elsewhere) {
    for (const Value& value : sources) escape(value);
  }
}

// Eight bytes or more that no load stands for.
void FlowRecorder::blind_read(const Operand& operand, const Instruction& now,
                              const MachineState& state) {
  constexpr std::uint8_t kPointer = 8, kVector = 16;  // bytes
  const bool is_written_alone =
      &operand == &now.first &&
      (now.second.kind == Operand::Kind::foreign || operand.size == Operand::kManyBytes);
  const bool is_blind =
      operand.size >= kVector || (operand.size == kPointer && now.operation == Operation::other);
  if (is_blind && !is_written_alone)
    flow_.blind_reads.push_back(state.access_of(operand, now.address));
}

bool FlowRecorder::is_argument(const Value& value) const {
  const Atom& atom = flow_.atoms[value.atom];
  return atom.kind == AtomKind::entry && std::ranges::any_of(kArgumentRegisters, [&](Register r) {
           return atom.where == static_cast<std::int32_t>(r);
         });
}

// Or an address at some distance from one.
bool FlowRecorder::may_be_result(const Value& value) const {
  if (value.factor != 1) return false;
  const auto may = [&](const Value& v) {
    const AtomKind kind = flow_.atoms[v.atom].kind;
    return kind == AtomKind::result || kind == AtomKind::choice || kind == AtomKind::sum ||
           (origins_ == Origins::all && (kind == AtomKind::load || is_argument(v)));
  };
  const Atom& atom = flow_.atoms[value.atom];
  if (atom.kind != AtomKind::sum && atom.kind != AtomKind::opaque) return may(value);
  return std::ranges::any_of(flow_.atoms.sources_of(atom), may);
}

void FlowRecorder::holds(const Instruction& now, const MachineState& state) {
  const bool goes_on = held_until_ == now.address;
  if (!goes_on) may_have_changed_ = kAllRegisters;
  for (std::uint32_t left = may_have_changed_; left != 0; left &= left - 1) {
    const auto r = static_cast<std::size_t>(std::countr_zero(left));
    const Value& value = state.registers[r];
    HoldFact& open = open_[r];
    if (goes_on && open.gpr != Register::none && open.value == value) continue;
    close(open);
    if (may_be_result(value)) open = {value, now.address, 0, static_cast<Register>(r)};
  }
  held_until_ = now.end();
  may_have_changed_ = now.writes;
  if (now.operation == Operation::call) may_have_changed_ |= kCallClobbers;
}

void FlowRecorder::close(HoldFact& open) {
  if (open.gpr == Register::none) return;
  open.length = static_cast<std::uint32_t>(held_until_ - open.low);
  flow_.holds.push_back(open);
  open = {};
}

void FlowRecorder::end() {
  for (HoldFact& open : open_) close(open);
  std::ranges::stable_sort(flow_.kept_in_frame, {}, &KeptFact::value);
  flow_.holds.shrink_to_fit();
  flow_.calls.shrink_to_fit();
}

void FlowRecorder::uses(const Instruction& now, const MachineState& state) {
  if (now.operation == Operation::take_address) return;
  for (const Operand* operand : {&now.first, &now.second}) {
    if (!operand->is_memory() || operand->size == 0) continue;
    if (!operand->known) {  // elements of a vector lead to many places
      for (const Register r : {operand->base, operand->index})
        if (r != Register::none) escape(state[r]);
      continue;
    }
    use(*operand, state);
    blind_read(*operand, now, state);
    const bool is_only_written = operand == &now.first && (now.operation == Operation::move ||
                                                           operand->size == Operand::kManyBytes);
    const auto offset =
        is_only_written ? std::nullopt : state.access_of(*operand, now.address).frame_offset();
    if (offset) flow_.frame_reads.push_back({*offset, operand->size});
  }
}

void FlowRecorder::use(const Operand& operand, const MachineState& state) {
  constexpr std::uint8_t kVector = 16;  // bytes; a number in such a register has less
  const MemoryPlace place = operand.memory();
  const bool is_at_number = place.displacement != 0 && place.index == Register::none;
  UseFact use{{}, operand.size, operand.size >= kVector, is_at_number};
  const auto record = [&](Register r) {
    if (r == Register::none) return;
    use.address = state[r];
    if (!use.address.is_constant() && may_be_result(use.address)) flow_.uses.push_back(use);
  };
  record(place.base);
  if (place.scale == 1) record(place.index);
}

void FlowRecorder::store(const Access& access, std::uint64_t after, const Value& value) {
  if (access.size != 8) return;
  const auto offset = access.frame_offset();
  if (offset && value.is_atom()) flow_.kept_in_frame.push_back({value.atom, *offset, after});
  const bool is_first_word =
      access.base.is_atom() && may_be_result(access.base) && access.place.displacement == 0;
  if (may_be_result(value) || (is_first_word && is_address(value)))
    flow_.stores.push_back({access, after, value});
}

// A number, a word of the global offset table plus a number, or one of several such.
bool FlowRecorder::is_address(const Value& value) const {
  const Atom& atom = flow_.atoms[value.atom];
  if (!value.is_atom() || atom.kind != AtomKind::choice) return is_word(value);
  return std::ranges::any_of(flow_.atoms.sources_of(atom),
                             [this](const Value& v) { return is_word(v); });
}

bool FlowRecorder::is_word(const Value& value) const {
  if (value.is_constant()) return true;
  const Atom& atom = flow_.atoms[value.atom];
  return value.factor == 1 && atom.kind == AtomKind::load &&
         flow_.atoms.access_of(atom).place.is_absolute();
}

}  // namespace allocs::meta
