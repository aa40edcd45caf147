// SPDX-License-Identifier: Apache-2.0
#include "meta/value_flow.h"

#include <algorithm>
#include <bit>

#include "meta/call_clobbers.h"
#include "meta/code_order.h"
#include "meta/code_paths.h"
#include "meta/flow_recorder.h"
#include "meta/identity_functions.h"
#include "meta/live_registers.h"
#include "meta/machine_state.h"

// Where do the arguments of a call come from, and where does its result go?
//
// The function is evaluated with symbols instead of numbers. At its entry rdi is "what rdi held at entry" and rsp is the
// canonical frame address minus 8; after that every instruction has a simple effect on a table of registers and stack slots:
//
//     push   rbx                 rsp = CFA-16, slot CFA-16 = entry(rbx)
//     mov    rbx, rdi            rbx = entry(rdi)
//     lea    rdi, [rsi+rsi*2]    rdi = 3*entry(rsi)
//     shl    rdi, 3              rdi = 24*entry(rsi)
//     call   malloc              argument 0 = 24*entry(rsi); rax = result#1
//     mov    [rbx+16], rax       stores result#1 at 16 + entry(rbx)
//
// So sizes show their constant and their stride, and stores, arguments and returns show whose result they pass on, at any
// distance from the call and at any level of optimisation. What is not modelled becomes a fresh, opaque value.
//
// Where ways meet, a register keeps its value if all of them agree; else it becomes a *choice*, a value named after the place and the
// register, that remembers what it may be; unless nobody reads the register from there on, then it is forgotten. The code is evaluated again and again,
// each stretch after those that lead to it, until no state at a meeting point changes. (A stretch that is entered with the state of last time has the effect of
// last time: it is left out.) A choice never changes back, so this ends; two or three rounds are usual. The ways are the direct
// jumps, the entries of jump tables, and, for code that nothing was seen to jump to (landing pads), a start from nothing but
// the frame rule of the unwind information. One last round, in the order of addresses, writes down what is asked for.
//
// Memory: only stack slots are followed. When the address of a place in the frame is taken, slots from there upwards are
// forgotten at each call and at each store through an unknown pointer.
//
// This is one file beyond the usual size because the effects of instructions share their state and little else.
//
// Rejected: a walk forward from each call along single paths. It needs budgets, it cannot see values made before the
// call, and it repeats itself in functions with many calls.
namespace allocs::meta {
namespace {

constexpr int kMostRounds = 24;
constexpr std::int64_t kNothingEscapes = std::int64_t{1} << 60;
constexpr std::uint32_t kNoStart = ~std::uint32_t{0};

// Where ways meet, and how the code from there to the next such place was last evaluated.
struct Start {
  std::size_t at = 0;  // the instruction
  MachineState state;
  bool is_reached = false;
  bool is_new = false;  // it was not yet evaluated from this state
  std::int64_t escaped_from = kNothingEscapes;
  std::uint16_t live = kAllRegisters;  // see live_registers.h
};
// What is the same whenever a call is evaluated.
struct FixedCall {
  Callee callee;
  bool ends_way = false;
  bool returns_first_argument = false;
  bool returns_again = false;
  std::uint16_t changed = kCallClobbers;
};

// Memory that one evaluation leaves to the next: a program has thousands of functions, and most of what is known of each is of no use in the end.
struct Workspace {
  std::vector<Instruction> code;
  std::vector<Start> starts;
  std::vector<std::uint32_t> start_at;
  std::vector<AtomId> last_atom_of;
  std::vector<std::uint32_t> fixed_call_of;
  std::vector<FixedCall> fixed_calls;
  std::vector<std::vector<Slot>> slots;  // of no state now
};

class Evaluation {
 public:
  Evaluation(const ElfFile& object, const Linkage& linkage, const FunctionCode& code,
             const FrameRuleAt& frame_rule, CallClobbers* clobbers, Origins origins,
             Workspace& workspace)
      : object_(object),
        linkage_(linkage),
        frame_rule_(frame_rule),
        clobbers_(clobbers),
        is_entry_(code.is_entry),
        workspace_(workspace),
        paths_(object, linkage, code.low, code.high, std::move(workspace.code)),
        code_(paths_.code()),
        starts_(workspace.starts),
        start_at_(workspace.start_at),
        last_atom_of_(workspace.last_atom_of),
        fixed_call_of_(workspace.fixed_call_of),
        fixed_calls_(workspace.fixed_calls),
        recorder_(flow_, origins) {
    flow_.low = code.low;
    flow_.high = code.high;
    starts_.clear();  // there are some if the last evaluation ended by an exception
    fixed_calls_.clear();
    start_at_.assign(code_.size(), kNoStart);
    last_atom_of_.assign(code_.size(), kConstant);
    fixed_call_of_.assign(code_.size(), 0);
  }

  // Once.
  FunctionFlow run() {
    if (!code_.empty()) {
      make_starts();
      reach(starts_[0], first_state());
      settle();
      if (start_unreached_code()) settle();
      record();
      flow_.atoms.freeze();
    }
    leave_memory();
    return std::move(flow_);
  }

 private:
  void leave_memory() {
    for (Start& start : starts_) workspace_.slots.push_back(start.state.take_room());
    workspace_.code = paths_.take_code();
  }

  // --- states

  MachineState unknown_state(std::uint64_t pc) {
    MachineState state;
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      state.registers[r] = Value::of(flow_.atoms.intern(AtomKind::opaque, pc, static_cast<int>(r)));
    }
    if (const auto rule = frame_rule_(pc)) state[rule->base] = Value::in_frame(-rule->offset);
    return state;
  }

  MachineState first_state() {
    if (!is_entry_) return unknown_state(flow_.low);
    MachineState state;
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      state.registers[r] =
          Value::of(flow_.atoms.intern(AtomKind::entry, flow_.low, static_cast<int>(r)));
    }
    state[Register::rsp] = Value::in_frame(-8);
    return state;
  }

  void make_starts() {
    starts_.reserve(paths_.targets().size() + 1);
    add_start(0);
    for (const std::size_t target : paths_.targets()) add_start(target);
    const std::vector<std::uint16_t> live = live_registers(paths_, [this](std::size_t call) {
      const FixedCall& fixed = fixed_call(call);
      return CallEffect{fixed.ends_way, fixed.changed};
    });
    for (std::size_t n = 0; n < live.size(); ++n)
      starts_[start_at_[paths_.targets()[n]]].live = live[n];
  }
  void add_start(std::size_t at) {
    if (start_at_[at] != kNoStart) return;
    start_at_[at] = static_cast<std::uint32_t>(starts_.size());
    Start& start = starts_.emplace_back();
    start.at = at;
    if (workspace_.slots.empty()) return;
    start.state.give_room(std::move(workspace_.slots.back()));
    workspace_.slots.pop_back();
  }
  void sort_starts() {
    std::ranges::sort(starts_, {}, &Start::at);
    for (std::size_t n = 0; n < starts_.size(); ++n)
      start_at_[starts_[n].at] = static_cast<std::uint32_t>(n);
  }
  static void reach(Start& start, const MachineState& state) {
    start.state = state;
    start.is_reached = start.is_new = true;
  }

  void flow_to(std::size_t target) {
    if (recording_) return;  // nothing changes any more, or it was given up
    Start& there = starts_[start_at_[target]];
    if (!there.is_reached) {
      reach(there, state_);
      changed_ = true;
      return;
    }
    const std::uint64_t pc = code_[target].address;
    const bool has_changed = there.state.join(
        state_, there.live, [&](std::int32_t where, const Value& a, const Value& b) {
          if (where == static_cast<int>(Register::rsp) ||
              where == static_cast<int>(Register::rbp)) {
            const auto rule = frame_rule_(pc);
            if (rule && where == static_cast<int>(rule->base))
              return Value::in_frame(-rule->offset);
          }
          return choose(pc, where, a, b);
        });
    if (!has_changed) return;
    there.is_new = true;
    changed_ = true;
  }

  Value choose(std::uint64_t pc, std::int32_t where, const Value& a, const Value& b) {
    if (is_choice_of(a, pc, where)) {
      add_source(a.atom, b);
      return a;
    }
    const AtomId id = flow_.atoms.intern(AtomKind::choice, pc, where);
    add_source(id, a);
    add_source(id, b);
    return Value::of(id);
  }
  bool is_choice_of(const Value& value, std::uint64_t pc, std::int32_t where) const {
    const Atom& atom = flow_.atoms[value.atom];
    return value.is_atom() && atom.kind == AtomKind::choice && atom.pc == pc && atom.where == where;
  }
  void add_source(AtomId choice, const Value& value) {
    const std::span<const Value> sources = flow_.atoms.sources_of(choice);
    const bool has_room = sources.size() < kMostSources;
    if (!has_room && flow_.has_cut_choices) return;  // nothing can change
    for (const Value& source : sources) {
      if (source == value) return;
    }
    if (value == Value::of(choice)) return;
    if (has_room) {
      flow_.atoms.add_source(choice, value);
    } else {
      flow_.has_cut_choices = true;
    }
  }

  void settle() {
    const std::vector<std::uint32_t> order = find_order();
    for (int round = 0; round < kMostRounds; ++round) {
      changed_ = false;
      for (const std::uint32_t n : order) evaluate(n);
      if (!changed_) return;
    }
    flow_.is_complete = false;
  }
  std::vector<std::uint32_t> find_order() const {
    std::vector<std::size_t> places;
    places.reserve(starts_.size());
    for (const Start& start : starts_) places.push_back(start.at);
    return order_of_stretches(paths_, places, start_at_);
  }

  bool start_unreached_code() {
    bool any = false;
    bool after_stop = false;
    for (std::size_t i = 0; i < code_.size(); ++i) {
      if (after_stop && !is_reached(i) && code_[i].operation != Operation::look &&
          code_[i].operation != Operation::stop) {
        add_start(i);
        reach(starts_[start_at_[i]], unknown_state(code_[i].address));
        any = true;
      }
      const bool padding = code_[i].operation == Operation::look && after_stop;
      after_stop = padding || ends_way(i);
    }
    if (any) sort_starts();
    return any;
  }
  bool ends_way(std::size_t at) const {
    const std::uint32_t call = fixed_call_of_[at];  // if it was evaluated
    return call != 0 ? fixed_calls_[call - 1].ends_way : paths_.ends_way(code_[at]);
  }
  bool is_reached(std::size_t at) const {
    return start_at_[at] != kNoStart && starts_[start_at_[at]].is_reached;
  }

  void record() {
    recording_ = true;
    for (std::size_t n = 0; n < starts_.size(); ++n) evaluate(n);
    recorder_.end();
  }

  // The stretch from a start to the next.
  void evaluate(std::size_t n) {
    if (!enter(starts_[n])) return;
    is_on_way_ = true;
    const bool is_last = n + 1 == starts_.size();
    const std::size_t end = is_last ? code_.size() : starts_[n + 1].at;
    for (std::size_t i = starts_[n].at; i < end && is_on_way_; ++i) {
      now_ = &code_[i];
      if (recording_) recorder_.before(*now_, state_);
      step();
    }
    if (is_on_way_ && !is_last) flow_to(end);
  }

  // Whether anything new can come of going on from there.
  bool enter(Start& start) {
    const bool is_as_before = !start.is_new && start.escaped_from == escaped_from_;
    if (!start.is_reached || (is_as_before && !recording_)) return false;
    start.is_new = false;
    start.escaped_from = escaped_from_;
    state_ = start.state;
    if (recording_) recorder_.start_way();
    return true;
  }

  // --- values

  // Most instructions make one, which is the same whenever they are evaluated.
  AtomId atom_here(AtomKind kind, Register r) {
    AtomId& last = last_atom_of_[index_of_now()];
    const Atom& atom = flow_.atoms[last];
    if (last == kConstant || atom.kind != kind || atom.where != static_cast<int>(r))
      last = flow_.atoms.intern(kind, now_->end(), static_cast<int>(r));
    return last;
  }
  Value opaque(Register r, std::span<const Value> sources = {}) {
    const AtomId id = atom_here(AtomKind::opaque, r);
    flow_.atoms.set_sources(id, sources);
    return Value::of(id);
  }
  Value opaque_of(Register r, const Value& source) { return opaque(r, std::span{&source, 1}); }
  // To divide by 24 compilers multiply by a large number: of that nothing is left but what it is made of.
  Value multiple(Register r, const Value& v, std::int64_t n) {
    const std::optional<Value> small = scaled(v, n);
    return small ? *small : opaque_of(r, v);
  }
  Value combined(AtomKind kind, Register r, const Value& a, const Value& b) {
    const AtomId id = atom_here(kind, r);
    flow_.atoms.set_sources(id, std::array{a, b});
    return Value::of(id);
  }
  Value sum(Register to, const Value& a, const Value& b) {
    if (a.is_constant()) return {b.atom, b.factor, plus(a.addend, b.addend)};
    if (b.is_constant()) return {a.atom, a.factor, plus(a.addend, b.addend)};
    if (a.atom == b.atom) {
      const std::int64_t factor = std::int64_t{a.factor} + b.factor;
      const std::optional<Value> v = Value::of(a.atom, factor, plus(a.addend, b.addend));
      if (v) return *v;
    }
    note_address(a);
    note_address(b);
    return combined(AtomKind::sum, to, a, b);
  }

  Access access_of(const Operand& operand) const {
    return state_.access_of(operand, now_->address);
  }
  Value address_of(Register to, const Operand& operand) {
    const Access access = access_of(operand);
    const Value based = sum(to, access.base, Value::constant(operand.number));
    if (operand.index == Register::none) return based;
    return sum(to, based, multiple(to, access.index, operand.scale));
  }
  Value load(Register to, const Operand& operand) {
    const Access access = access_of(operand);
    if (!access.place.known) return opaque(to);
    if (access.place.is_absolute() && operand.size == 8) {
      const auto slot = static_cast<std::uint64_t>(access.place.displacement);
      if (const auto address = linkage_.address_in_table(slot)) {
        return Value::constant(static_cast<std::int64_t>(*address));
      }
    }
    if (const auto offset = access.frame_offset()) {
      if (const Value* content = state_.slot(*offset, operand.size)) return *content;
    }
    if (operand.size < 4) return opaque(to);
    const AtomId id = atom_here(AtomKind::load, to);
    flow_.atoms.set_access(id, access);
    return Value::of(id);
  }

  // The value of an operand of any size, as if it were zero-extended.
  Value read(Register to, const Operand& operand) {
    switch (operand.kind) {
      case Operand::Kind::immediate:
        return Value::constant(operand.number);
      case Operand::Kind::memory:
        return load(to, operand);
      case Operand::Kind::gpr: {
        const Value& v = state_[operand.gpr];
        return operand.size >= 4 ? narrowed(to, v, operand.size) : opaque_of(to, v);
      }
      default:
        return opaque(to);
    }
  }

  // What is left of a value in `size` (4 or 8) bytes. A pointer does not survive the loss of its upper half; a number does.
  Value narrowed(Register to, const Value& v, std::uint8_t size) {
    if (size == 8) return v;
    if (v.is_constant()) return Value::constant(static_cast<std::uint32_t>(v.addend));
    const AtomKind kind = flow_.atoms[v.atom].kind;
    if (kind == AtomKind::frame || kind == AtomKind::result || kind == AtomKind::choice) {
      return opaque_of(to, v);
    }
    return v;
  }

  void write(const Operand& to, const Value& value) {
    if (to.is_gpr()) {
      Value& r = state_[to.gpr];
      if (to.size >= 4) {
        r = narrowed(to.gpr, value, to.size);
      } else {
        r = opaque_of(to.gpr, r);
      }
      note_escape(to.gpr, r);
    } else if (to.is_memory()) {
      store(to, value);
    }
  }

  void store(const Operand& to, const Value& value) {
    const Access access = access_of(to);
    if (recording_) recorder_.store(access, now_->end(), value);
    if (const auto offset = access.frame_offset()) {
      if (to.size == 8 || to.size == 4) {
        state_.set_slot(*offset, to.size, narrowed(Register::none, value, to.size));
      } else {
        state_.forget_slots(*offset, *offset + std::max<int>(to.size, 1));
      }
    } else {
      forget_around(access);
    }
  }

  // The address of a place in the frame is where other code can find it.
  void note_escape(Register r, const Value& value) {
    const bool is_stack_register =
        r == Register::rsp || (r == Register::rbp && now_->operation == Operation::move);
    if (!is_stack_register) note_address(value);
  }
  void note_address(const Value& value) {
    if (!value.is_in_frame()) return;
    if (recording_) flow_.frame_addresses.push_back(value.addend);
    if (value.addend >= escaped_from_) return;
    escaped_from_ = value.addend;
    changed_ = true;
  }

  // Something is written to a place that is not exactly known.
  void forget_around(const Access& access) {
    std::int64_t from = escaped_from_;
    if (access.base.is_in_frame()) {
      from = std::min(from, plus(access.base.addend, access.place.displacement));
    }
    state_.forget_slots(from, kNothingEscapes);
  }

  // --- effects of instructions

  void step() {
    const Instruction& i = *now_;
    const Register to = i.first.is_gpr() ? i.first.gpr : Register::none;
    switch (i.operation) {
      case Operation::move:
        return write(i.first, read(to, i.second));
      case Operation::extend:
        return write(i.first, extended(to, i.second));
      case Operation::take_address:
        return write(i.first, i.second.known ? address_of(to, i.second) : opaque(to));
      case Operation::add:
        return write(i.first, sum(to, read(to, i.first), read(Register::none, i.second)));
      case Operation::add_carry:
        return write(i.first, with_carry(to));
      case Operation::subtract:
        return write(i.first, sum(to, read(to, i.first),
                                  multiple(Register::none, read(Register::none, i.second), -1)));
      case Operation::multiply: {
        const Value v = product(to);
        const bool writes_high_half = (i.writes & mask_of(Register::rdx)) != 0;
        if (writes_high_half) state_[Register::rdx] = opaque(Register::rdx);
        return write(i.first, v);
      }
      case Operation::shift_left: {
        const Value v = read(to, i.first);
        const bool simple = i.second.is_immediate() && i.second.number < 32 && i.second.number >= 0;
        // `24 << n`: so many things of 24. Of a power of two (`4096 << n`) it is not known what it counts.
        const bool counts = !simple && v.is_constant() && v.addend > 0 &&
                            !std::has_single_bit(static_cast<std::uint64_t>(v.addend));
        if (counts) return write(i.first, multiple(to, opaque(to), v.addend));
        return write(i.first, simple ? multiple(to, v, std::int64_t{1} << i.second.number)
                                     : opaque_of(to, v));
      }
      case Operation::zero:
        return write(i.first, Value::constant(0));
      case Operation::conditional_move:
        return write(i.first,
                     choose(i.end(), static_cast<int>(to), state_[to], read(to, i.second)));
      case Operation::push:
        return push(read(Register::none, i.first));
      case Operation::pop:
        return pop(i.first);
      case Operation::leave:
        state_[Register::rsp] = state_[Register::rbp];
        return pop_to(Register::rbp);
      case Operation::call:
        return call();
      case Operation::jump:
        return jump();
      case Operation::branch:
        return branch();
      case Operation::return_:
        if (recording_) {
          flow_.returns.push_back(state_[Register::rax]);
          flow_.second_returns.push_back(state_[Register::rdx]);
        }
        is_on_way_ = false;
        return;
      case Operation::stop:
        is_on_way_ = false;
        return;
      case Operation::compare:
      case Operation::look:
        return;
      case Operation::other:
        return other();
    }
  }

  Value extended(Register to, const Operand& from) {
    Value v = read(to, from);
    if (v.is_constant() && from.size == 4 && now_->first.size == 8) {
      v.addend = static_cast<std::int32_t>(v.addend);
    }
    return v;
  }

  // `n ? n : 1` is `cmp n, 1; adc n, 0` for clang.
  Value with_carry(Register to) {
    const Value v = read(to, now_->first);
    const bool is_known = to != Register::none && now_->second.is_immediate();
    if (!is_known) return opaque(to, std::array{v, read(Register::none, now_->second)});
    const Value without = sum(to, v, Value::constant(now_->second.number));
    return choose(now_->end(), static_cast<int>(to), without, sum(to, without, Value::constant(1)));
  }

  Value product(Register to) {
    const Value a = read(to, now_->second);
    const Value b = read(Register::none, now_->third);
    if (b.is_constant()) return multiple(to, a, b.addend);
    if (a.is_constant()) return multiple(to, b, a.addend);
    return combined(AtomKind::product, to, a, b);
  }

  void move_stack(std::int64_t by) {
    Value& rsp = state_[Register::rsp];
    rsp = sum(Register::rsp, rsp, Value::constant(by));
  }
  void push(const Value& value) {
    move_stack(-8);
    const Value& rsp = state_[Register::rsp];
    if (!rsp.is_in_frame()) return;
    if (recording_) {
      Access access{{}, 8, now_->address, rsp, {}};
      access.place.known = true;
      access.place.base = Register::rsp;
      recorder_.store(access, now_->end(), value);
    }
    state_.set_slot(rsp.addend, 8, value);
  }
  void pop_to(Register to) {
    const Value rsp = state_[Register::rsp];
    const Value* content = rsp.is_in_frame() ? state_.slot(rsp.addend, 8) : nullptr;
    state_[to] = content != nullptr ? *content : opaque(to);
    move_stack(8);
  }
  void pop(const Operand& to) {
    if (to.is_gpr()) return pop_to(to.gpr);
    write(to, opaque(Register::none));
    move_stack(8);
  }

  void other() {
    std::array<Value, 2> read;
    std::size_t count = 0;
    for (const Operand* operand : {&now_->first, &now_->second}) {
      if (operand->is_gpr()) read[count++] = state_[operand->gpr];
    }
    const std::span<const Value> sources{read.data(), count};
    if (recording_) recorder_.unfollowed(*now_, sources);
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      const auto reg = static_cast<Register>(r);
      if ((now_->writes & mask_of(reg)) == 0) continue;
      state_[reg] = opaque(reg, sources);
    }
    if (now_->first.is_memory()) forget_written(now_->first);
  }
  void forget_written(const Operand& to) {
    const Access access = access_of(to);
    const auto offset = access.frame_offset();
    if (offset && to.size != Operand::kManyBytes) {
      state_.forget_slots(*offset, *offset + std::max<int>(to.size, 8));
    } else {
      forget_around(access);
    }
  }

  // --- calls and jumps

  Callee callee_of(const Operand& target) {
    if (target.is_immediate()) return linkage_.callee_at(static_cast<std::uint64_t>(target.number));
    if (target.is_memory()) {
      if (!target.memory().is_absolute()) return {};
      return linkage_.callee_in_slot(static_cast<std::uint64_t>(target.number));
    }
    if (!target.is_gpr()) return {};
    const Value& v = state_[target.gpr];
    if (v.is_constant()) return linkage_.callee_at(static_cast<std::uint64_t>(v.addend));
    const Atom& atom = flow_.atoms[v.atom];
    if (!v.is_atom() || atom.kind != AtomKind::load) return {};
    const MemoryPlace& place = flow_.atoms.access_of(atom).place;
    if (!place.is_absolute()) return {};
    return linkage_.callee_in_slot(static_cast<std::uint64_t>(place.displacement));
  }

  CallFact call_fact(const Callee& callee) {
    CallFact fact;
    fact.at = now_->address;
    fact.callee = callee;
    for (std::size_t n = 0; n < 6; ++n) fact.arguments[n] = state_[kArgumentRegisters[n]];
    return fact;
  }

  // Of a call whose callee depends on no register: looked up once.
  const FixedCall& fixed_call(std::size_t at) {
    std::uint32_t& number = fixed_call_of_[at];
    if (number == 0) {
      fixed_calls_.push_back(call_of(callee_of(code_[at].first)));
      number = static_cast<std::uint32_t>(fixed_calls_.size());
    }
    return fixed_calls_[number - 1];
  }
  FixedCall call_of(const Callee& callee) const {
    const bool is_own = callee.address != 0 && !callee.may_be_another && clobbers_ != nullptr;
    return {callee, never_comes_back(callee, is_own), returns_first_argument(callee, object_),
            returns_again(callee.name),
            is_own ? clobbers_->changed_by(callee.address) : kCallClobbers};
  }

  bool never_comes_back(const Callee& callee, bool is_own) const {
    if (callee.may_be_another) return false;
    return never_returns(callee.name) || (is_own && !clobbers_->may_return(callee.address));
  }

  void call() {
    const bool is_fixed = now_->first.is_immediate() || now_->first.is_memory();
    if (is_fixed) return follow_call(fixed_call(index_of_now()));
    follow_call(call_of(callee_of(now_->first)));
  }
  void follow_call(const FixedCall& call) {
    const Callee& callee = call.callee;
    const AtomId result = atom_here(AtomKind::result, Register::rax);
    if (recording_) {
      CallFact fact = call_fact(callee);
      fact.return_address = now_->end();
      fact.result = result;
      flow_.calls.push_back(fact);
    }
    if (call.ends_way) {
      is_on_way_ = false;
      return;
    }
    const Value first = state_[kArgumentRegisters[0]];
    // What a pointer's function makes of a number (`n = hooks.round_up(n)`) is not known, but of which.
    const bool is_known = callee.known() && !callee.may_be_another;
    flow_.atoms.set_sources(result, std::span{&first, is_known ? 0u : 1u});
    for (std::uint32_t left = call.changed; left != 0; left &= left - 1)
      state_.registers[static_cast<std::size_t>(std::countr_zero(left))] = Value::of(kAnything);
    if ((call.changed & mask_of(Register::rax)) != 0)
      state_[Register::rax] = call.returns_first_argument ? first : Value::of(result);
    state_.forget_slots(call.returns_again ? -kNothingEscapes : escaped_from_, kNothingEscapes);
  }

  std::size_t index_of_now() const { return static_cast<std::size_t>(now_ - code_.data()); }

  void jump() {
    const Operand& target = now_->first;
    if (const auto inside = paths_.target_of(index_of_now())) {
      flow_to(*inside);
    } else if (target.is_immediate() && is_own_piece(target)) {
      if (recording_) recorder_.way_out(state_);
    } else if (const Callee callee = callee_of(target); callee.known()) {
      if (recording_) flow_.calls.push_back(call_fact(callee));
      if (recording_ && returns_first_argument(callee, object_))
        flow_.returns.push_back(state_[kArgumentRegisters[0]]);
    } else {
      for (const std::size_t entry : paths_.table_targets()) flow_to(entry);
      const bool indexed = target.is_memory() && target.index != Register::none;
      const bool leaves = paths_.table_targets().empty() && !target.is_immediate();
      if (indexed && leaves) flow_.is_complete = false;
      if (recording_ && leaves) flow_.calls.push_back(call_fact(callee));
    }
    is_on_way_ = false;
  }

  void branch() {
    if (!now_->first.is_immediate()) return;
    if (const auto inside = paths_.target_of(index_of_now())) {
      flow_to(*inside);
    } else {
      if (recording_) recorder_.way_out(state_);
    }
  }
  // Whether it is code that only other code jumps to, as compilers put aside what is done rarely.
  bool is_own_piece(const Operand& target) const {
    const std::string_view name =
        linkage_.callee_at(static_cast<std::uint64_t>(target.number)).name;
    return name.find(".cold") != std::string_view::npos;
  }

  const ElfFile& object_;
  const Linkage& linkage_;
  const FrameRuleAt& frame_rule_;
  CallClobbers* clobbers_;
  bool is_entry_;
  FunctionFlow flow_;
  Workspace& workspace_;
  CodePaths paths_;
  const std::vector<Instruction>& code_;
  std::vector<Start>& starts_;            // by instruction
  std::vector<std::uint32_t>& start_at_;  // of each instruction: which of them is there
  // Of each instruction: the atom that it made last, and the number of its call from 1 on.
  std::vector<AtomId>& last_atom_of_;
  std::vector<std::uint32_t>& fixed_call_of_;
  std::vector<FixedCall>& fixed_calls_;
  MachineState state_;      // before `now_`
  bool is_on_way_ = false;  // else control does not come there
  const Instruction* now_ = nullptr;
  std::int64_t escaped_from_ = kNothingEscapes;
  bool changed_ = false;
  bool recording_ = false;
  FlowRecorder recorder_;
};

}  // namespace

FunctionFlow follow_values(const ElfFile& object, const Linkage& linkage, const FunctionCode& code,
                           const FrameRuleAt& frame_rule, CallClobbers* clobbers, Origins origins) {
  static thread_local Workspace workspace;  // no evaluation asks for another
  return Evaluation{object, linkage, code, frame_rule, clobbers, origins, workspace}.run();
}

}  // namespace allocs::meta
