// SPDX-License-Identifier: Apache-2.0
#include "meta/switch_jumps.h"

#include <algorithm>
#include <map>
#include <tuple>

// A switch that jumps through a table looks the same from every compiler, give or take copies and spills:
//
//     cmp    eax, 5                       the index is eax; taken on: eax <= 5, so the table has 6 entries
//     ja     default
//     lea    rdx, [rip + T]
//     movsxd rax, dword [rdx + rax*4]     an entry of T
//     add    rax, rdx                     entries count from T
//     jmp    rax
//
// So the way to the jump is followed back as long as there is only one (to the fall-through or to the only jump there), then
// forward again, giving each value a number: a copy, a widening and a spilled and reloaded value keep theirs, whatever else is written gets
// a new one. A conditional jump on a comparison with a constant bounds the number that was compared. At the jump, the table and
// the index are numbers, and the bound of the index is the length of the table.
//
// The compilers check the index against exactly the span of the cases, or not at all if they know it to be in the span. In the latter
// case nothing is said of the count here. A check that is further away than the way reaches is not found, either.
namespace allocs::meta {

namespace {

constexpr std::size_t kLongestWay = 160;
constexpr std::uint64_t kNoCount = ~std::uint64_t{0};

using ValueId = std::uint32_t;

struct NumberedValue {
  enum class Kind : std::uint8_t { unknown, constant, scaled, table_plus_index, entry, target };
  Kind kind = Kind::unknown;
  std::uint64_t number = 0;  // constant; scaled: by how much; entry: its size
  ValueId base = 0;          // of a table
  ValueId index = 0;
  Register base_register = Register::none;
};

// One step on the way: an instruction, and whether its conditional jump was taken.
struct Step {
  std::size_t index = 0;
  bool is_taken = false;
};

class WayBack {
 public:
  explicit WayBack(const CodePaths& paths) : paths_(paths) {
    const std::vector<Instruction>& code = paths.code();
    for (std::size_t i = 0; i < code.size(); ++i) {
      const bool jumps =
          code[i].operation == Operation::jump || code[i].operation == Operation::branch;
      if (!jumps || !code[i].first.is_immediate()) continue;
      if (const auto to = paths.index_of(static_cast<std::uint64_t>(code[i].first.number)))
        sources_.emplace(*to, i);
    }
  }

  // The only way to instruction `end`, as far back as it is the only one; in order.
  std::vector<Step> to(std::size_t end) const {
    std::vector<Step> way{{end, false}};
    while (way.size() < kLongestWay) {
      const auto before = step_before(way.back().index);
      if (!before) break;
      way.push_back(*before);
    }
    std::reverse(way.begin(), way.end());
    return way;
  }

 private:
  std::optional<Step> step_before(std::size_t at) const {
    const std::vector<Instruction>& code = paths_.code();
    const bool falls =
        at > 0 && code[at - 1].end() == code[at].address && !paths_.ends_way(code[at - 1]);
    const auto [first, last] = sources_.equal_range(at);
    const auto jumps = std::distance(first, last);
    const bool is_table_target = std::ranges::binary_search(paths_.table_targets(), at);
    if (is_table_target) return std::nullopt;
    if (falls && jumps == 0) return Step{at - 1, false};
    if (!falls && jumps == 1) return Step{first->second, true};
    return std::nullopt;
  }

  const CodePaths& paths_;
  std::multimap<std::size_t, std::size_t> sources_;  // target, jump
};

// Follows a way forwards.
class Numbering {
 public:
  Numbering() {
    for (ValueId& id : registers_) id = fresh();
  }

  void run(const Instruction& i, bool is_taken) {
    written_ = 0;
    step(i, is_taken);
    for (std::size_t r = 0; r < kRegisterCount; ++r) {
      const auto mask = static_cast<std::uint16_t>(1u << r);
      if ((i.writes & mask) != 0 && (written_ & mask) == 0) registers_[r] = fresh();
    }
  }

  std::optional<SwitchJump> jump(const Operand& to) {
    NumberedValue target;
    if (to.is_gpr()) {
      target = values_[registers_[index_of(to.gpr)]];
    } else if (to.is_memory()) {
      target = values_[load(to.memory(), 8)];
    }
    const bool is_address = target.kind == NumberedValue::Kind::entry && target.number == 8;
    if (target.kind != NumberedValue::Kind::target && !is_address) return std::nullopt;
    SwitchJump found;
    found.entry_size = is_address ? 8 : 4;
    found.base = target.base_register;
    if (const NumberedValue& base = values_[target.base];
        base.kind == NumberedValue::Kind::constant) {
      found.table = base.number;
    }
    if (const auto bound = bounds_.find(target.index); bound != bounds_.end())
      found.count = bound->second;
    return found;
  }

 private:
  using Kind = NumberedValue::Kind;
  using MemoryKey = std::tuple<ValueId, ValueId, std::uint8_t, std::int64_t, std::uint8_t>;

  static std::size_t index_of(Register r) { return static_cast<std::size_t>(r); }
  ValueId add(const NumberedValue& value) {
    values_.push_back(value);
    return static_cast<ValueId>(values_.size() - 1);
  }
  ValueId fresh() { return add({}); }
  ValueId constant(std::uint64_t number) {
    NumberedValue value;
    value.kind = Kind::constant;
    value.number = number;
    return add(value);
  }
  void set(Register r, ValueId id) {
    if (r == Register::none) return;
    registers_[index_of(r)] = id;
    written_ |= mask_of(r);
  }
  ValueId get(Register r) { return r == Register::none ? no_register_ : registers_[index_of(r)]; }

  // The value in the low `size` bytes: for 4 and 8 the same, since an index is never wider than it was when it was checked.
  ValueId narrow(ValueId whole, std::uint8_t size) {
    if (size >= 4) return whole;
    const auto [known, is_new] = narrowed_.try_emplace({whole, size}, 0);
    if (is_new) known->second = fresh();
    return known->second;
  }

  MemoryKey key_of(const MemoryPlace& place, std::uint8_t size) {
    return {get(place.base), get(place.index), place.scale, place.displacement, size};
  }

  struct TablePlace {
    ValueId base = 0;
    ValueId index = 0;
    Register base_register = Register::none;
  };
  // Is that base + index * size, or its like?
  std::optional<TablePlace> table_place(const MemoryPlace& place, std::uint8_t size) {
    if (!place.known) return std::nullopt;
    if (place.index != Register::none && place.scale == size) {
      const ValueId index = get(place.index);
      if (place.base == Register::none)
        return TablePlace{constant(static_cast<std::uint64_t>(place.displacement)), index,
                          Register::none};
      if (place.displacement == 0) return TablePlace{get(place.base), index, place.base};
      return std::nullopt;
    }
    if (place.index != Register::none && place.scale == 1 && place.displacement == 0) {
      const ValueId a = get(place.base), b = get(place.index);
      if (is_scaled(a, size)) return TablePlace{b, values_[a].index, place.index};
      if (is_scaled(b, size)) return TablePlace{a, values_[b].index, place.base};
      return std::nullopt;
    }
    if (place.base != Register::none && place.index == Register::none) {
      const NumberedValue base = values_[get(place.base)];
      if (is_scaled(get(place.base), size))
        return TablePlace{constant(static_cast<std::uint64_t>(place.displacement)), base.index,
                          Register::none};
      if (base.kind == Kind::table_plus_index && base.number == size && place.displacement == 0)
        return TablePlace{base.base, base.index, base.base_register};
    }
    return std::nullopt;
  }
  bool is_scaled(ValueId id, std::uint8_t by) const {
    return values_[id].kind == Kind::scaled && values_[id].number == by;
  }

  ValueId in_table(Kind kind, std::uint8_t size, const TablePlace& table) {
    return add({.kind = kind,
                .number = size,
                .base = table.base,
                .index = table.index,
                .base_register = table.base_register});
  }

  // What `size` bytes of memory hold, widened with the sign or with zeros.
  ValueId load(const MemoryPlace& place, std::uint8_t size) {
    if (size == 8 || size == 4) {
      if (const auto table = table_place(place, size)) return in_table(Kind::entry, size, *table);
    }
    if (!place.known) return fresh();
    const auto [known, is_new] = memory_.try_emplace(key_of(place, size), 0);
    if (is_new) known->second = fresh();
    return known->second;
  }

  // Whatever may overlap the place is forgotten; only places that count from the same value are known not to.
  void forget_memory(const MemoryPlace& place, std::uint8_t size) {
    const ValueId base = get(place.base);
    const bool is_plain = place.known && place.index == Register::none;
    std::erase_if(memory_, [&](const auto& entry) {
      const auto& [other_base, other_index, scale, displacement, other_size] = entry.first;
      const bool comparable = is_plain && other_base == base && other_index == no_register_;
      return !comparable || (displacement < place.displacement + size &&
                             place.displacement < displacement + other_size);
    });
  }

  ValueId value_of(const Operand& operand) {
    switch (operand.kind) {
      case Operand::Kind::gpr:
        return operand.high_byte ? fresh() : narrow(get(operand.gpr), operand.size);
      case Operand::Kind::immediate:
        return constant(static_cast<std::uint64_t>(operand.number));
      case Operand::Kind::memory:
        return load(operand.memory(), operand.size);
      default:
        return fresh();
    }
  }

  void write(const Operand& to, ValueId value) {
    if (to.is_gpr()) {
      set(to.gpr, to.size >= 4 ? value : fresh());
    } else if (to.is_memory()) {
      forget_memory(to.memory(), to.size);
      if (to.known) memory_[key_of(to.memory(), to.size)] = value;
    }
  }

  void step(const Instruction& i, bool is_taken) {
    switch (i.operation) {
      case Operation::move:
        write(i.first, value_of(i.second));
        return;
      case Operation::extend:
        write(i.first,
              i.second.is_memory() ? load(i.second.memory(), i.second.size) : value_of(i.second));
        return;
      case Operation::take_address:
        return take_address(i);
      case Operation::add:
        return add_operands(i);
      case Operation::subtract:
        compare(i);
        write(i.first, fresh());
        return;
      case Operation::shift_left:
        forget_flags();
        if (i.first.is_gpr() && i.second.is_immediate() && i.second.number < 4)
          return set(i.first.gpr, scaled(get(i.first.gpr), 1u << i.second.number));
        write(i.first, fresh());
        return;
      case Operation::zero:
        forget_flags();
        write(i.first, constant(0));
        return;
      case Operation::compare:
        return compare(i);
      case Operation::branch:
        return branch(i.condition, is_taken);
      case Operation::call:
        forget_flags();
        memory_.clear();
        for (std::size_t r = 0; r < kRegisterCount; ++r) {
          if ((kCallClobbers >> r & 1) != 0) registers_[r] = fresh();
        }
        return;
      case Operation::push:
      case Operation::pop:
      case Operation::leave:
        memory_.clear();
        set(Register::rsp, fresh());
        if (i.operation == Operation::pop) write(i.first, fresh());
        if (i.operation == Operation::leave) set(Register::rbp, fresh());
        return;
      case Operation::jump:
      case Operation::return_:
      case Operation::stop:
      case Operation::look:
        if (i.first.kind != Operand::Kind::none && i.operation == Operation::look) forget_flags();
        return;
      case Operation::multiply:
      case Operation::add_carry:
      case Operation::conditional_move:
        forget_flags();
        write(i.first, fresh());
        return;
      case Operation::other:
        forget_flags();
        if (i.first.is_memory() && i.first.size == Operand::kManyBytes) memory_.clear();
        if (i.first.is_memory()) forget_memory(i.first.memory(), 64);
        return;
    }
  }

  ValueId scaled(ValueId of, std::uint64_t by) {
    NumberedValue value;
    value.kind = Kind::scaled;
    value.number = by;
    value.index = of;
    return add(value);
  }

  void take_address(const Instruction& i) {
    const MemoryPlace place = i.second.memory();
    if (!i.second.is_memory() || !place.known) return write(i.first, fresh());
    if (place.is_absolute())
      return write(i.first, constant(static_cast<std::uint64_t>(place.displacement)));
    if (place.base == Register::none && place.displacement == 0)
      return write(i.first, scaled(get(place.index), place.scale));
    write(i.first, sum_of(place));
  }
  // A table and a scaled index, perhaps.
  ValueId sum_of(const MemoryPlace& place) {
    for (const std::uint8_t size : {std::uint8_t{4}, std::uint8_t{8}}) {
      const auto table = table_place(place, size);
      if (!table || place.index == Register::none) continue;
      return in_table(Kind::table_plus_index, size, *table);
    }
    return fresh();
  }

  void add_operands(const Instruction& i) {
    forget_flags();
    if (!i.first.is_gpr()) return write(i.first, fresh());
    const ValueId a = get(i.first.gpr);
    const ValueId b = value_of(i.second);
    for (const auto& [one, other] : {std::pair{a, b}, std::pair{b, a}}) {
      const NumberedValue entry = values_[one];
      if (entry.kind == Kind::entry && entry.number == 4 && is_same(entry.base, other)) {
        NumberedValue target = entry;
        target.kind = Kind::target;
        return set(i.first.gpr, add(target));
      }
      if (entry.kind == Kind::scaled && i.second.is_gpr()) {
        NumberedValue sum;
        sum.kind = Kind::table_plus_index;
        sum.number = entry.number;
        sum.base = other;
        sum.index = entry.index;
        sum.base_register = one == a ? i.second.gpr : i.first.gpr;
        return set(i.first.gpr, add(sum));
      }
    }
    write(i.first, fresh());
  }
  bool is_same(ValueId a, ValueId b) const {
    return a == b || (values_[a].kind == Kind::constant && values_[b].kind == Kind::constant &&
                      values_[a].number == values_[b].number);
  }

  // ---- flags ----

  void forget_flags() { compared_.reset(); }
  void compare(const Instruction& i) {
    forget_flags();
    const ValueId left = value_of(i.first);
    const ValueId right = value_of(i.second);
    if (values_[right].kind != Kind::constant) return;
    const std::uint64_t mask =
        i.first.size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * i.first.size) - 1;
    compared_ = {left, values_[right].number & mask};
  }
  void branch(std::uint8_t condition, bool is_taken) {
    enum : std::uint8_t { kBelow = 2, kNotBelow = 3, kNotAbove = 6, kAbove = 7 };
    if (!compared_) return;
    const auto [value, number] = *compared_;
    std::uint64_t count = kNoCount;
    if (condition == (is_taken ? kBelow : kNotBelow)) count = number;
    if (condition == (is_taken ? kNotAbove : kAbove)) count = number + 1;
    if (count == kNoCount) return;
    const auto [known, is_new] = bounds_.try_emplace(value, count);
    known->second = std::min(known->second, count);
  }

  std::vector<NumberedValue> values_;
  const ValueId no_register_ = add({});
  std::array<ValueId, kRegisterCount> registers_{};
  std::uint16_t written_ = 0;
  std::map<std::pair<ValueId, std::uint8_t>, ValueId> narrowed_;
  std::map<MemoryKey, ValueId> memory_;
  std::optional<std::pair<ValueId, std::uint64_t>> compared_;  // a value, with a number
  std::map<ValueId, std::uint64_t> bounds_;                    // it is below
};

}  // namespace

std::optional<SwitchJump> switch_jump_at(const CodePaths& paths, std::size_t index) {
  Numbering numbering;
  const std::vector<Step> way = WayBack{paths}.to(index);
  for (const Step& step : way) {
    if (step.index != index) numbering.run(paths.code()[step.index], step.is_taken);
  }
  return numbering.jump(paths.code()[index].first);
}

}  // namespace allocs::meta
