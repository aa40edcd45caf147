// SPDX-License-Identifier: Apache-2.0
#include "meta/possible_numbers.h"

#include <algorithm>

#include "elf/x86_instruction.h"

namespace allocs::meta {
namespace {

constexpr int kDeepest = 12;
constexpr int kMostSteps = 200;
constexpr std::size_t kMostNumbers = 16;

template <typename Change>
std::optional<Numbers> changed(const std::optional<Numbers>& numbers, Change change) {
  if (!numbers) return std::nullopt;
  Numbers made;
  for (const std::int64_t n : *numbers) made.insert(change(n));
  return made;
}

std::int64_t in_32_bits(std::int64_t n) { return static_cast<std::int32_t>(n); }

elf::InstructionFields fields_of(const ElfFile& object, const Instruction& instruction) {
  const auto bytes = object.bytes_at(instruction.address, instruction.length);
  return elf::instruction_fields(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

bool sets_byte_by_condition(const elf::InstructionFields& fields) {
  return fields.map == elf::InstructionFields::Map::two_bytes && (fields.opcode & 0xF0) == 0x90;
}

}  // namespace

Numbers PossibleNumbers::of(const Value& value) const {
  steps_ = 0;
  return of(value, 0).value_or(Numbers{});
}

std::optional<Numbers> PossibleNumbers::of(const Value& value, int depth) const {
  if (value.is_constant()) return Numbers{value.addend};
  if (depth > kDeepest || ++steps_ > kMostSteps) return std::nullopt;
  const Atom& atom = flow_.atoms[value.atom];
  std::optional<Numbers> found;
  if (atom.kind == AtomKind::choice) found = of_choice(atom, depth + 1);
  if (atom.kind == AtomKind::opaque) found = of_opaque(atom, depth + 1);
  return changed(found, [&](std::int64_t n) { return plus(times(n, value.factor), value.addend); });
}

std::optional<Numbers> PossibleNumbers::of_choice(const Atom& choice, int depth) const {
  if (choice.source_count == 0 || choice.source_count >= kMostSources) return std::nullopt;
  Numbers all;
  for (const Value& source : flow_.atoms.sources_of(choice)) {
    const auto one = of(source, depth);
    if (!one) return std::nullopt;
    all.insert(one->begin(), one->end());
    if (all.size() > kMostNumbers) return std::nullopt;
  }
  return all;
}

// The sources of an opaque value are what its instruction read, or the one value of which it is the lower half.
std::optional<Numbers> PossibleNumbers::of_opaque(const Atom& opaque, int depth) const {
  const Instruction* instruction = instruction_before(opaque.pc);
  if (instruction == nullptr || opaque.source_count == 0) return std::nullopt;
  const Value& source = flow_.atoms.sources_of(opaque).front();
  const bool is_of_register = instruction->first.is_gpr() && instruction->first.size >= 4;
  if (!is_of_register && instruction->operation != Operation::other) return std::nullopt;
  switch (instruction->operation) {
    case Operation::other:
      return of_arithmetic(*instruction, opaque, depth);
    case Operation::extend:
      if (instruction->second.high_byte || instruction->second.size == 2) return std::nullopt;
      return instruction->second.size == 1 ? of_byte(source, depth)
                                           : changed(of(source, depth), in_32_bits);
    case Operation::shift_left:
      if (!instruction->second.is_immediate()) return std::nullopt;
      [[fallthrough]];
    case Operation::move:
    case Operation::add:
    case Operation::add_carry:
    case Operation::subtract:
    case Operation::take_address:
    case Operation::conditional_move:
      return opaque.source_count == 1 ? changed(of(source, depth), in_32_bits) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// Of the lowest byte of a value, which is all that is left of it.
std::optional<Numbers> PossibleNumbers::of_byte(const Value& value, int depth) const {
  const Atom& atom = flow_.atoms[value.atom];
  if (value.is_atom() && atom.kind == AtomKind::opaque) {
    const Instruction* instruction = instruction_before(atom.pc);
    if (instruction != nullptr && sets_byte_by_condition(fields_of(object_, *instruction)))
      return Numbers{0, 1};
  }
  const auto all = of(value, depth);
  const bool is_small = all && std::ranges::all_of(*all, [](std::int64_t n) {
                          return n >= 0 && n < 128;  // with a sign or without
                        });
  return is_small ? all : std::nullopt;
}

std::optional<Numbers> PossibleNumbers::of_arithmetic(const Instruction& instruction,
                                                      const Atom& result, int depth) const {
  const elf::InstructionFields fields = fields_of(object_, instruction);
  const bool is_of_registers = fields.has_modrm && fields.mod == 3 && !fields.is_short &&
                               fields.form == elf::InstructionFields::Form::legacy;
  if (!is_of_registers) return std::nullopt;
  const Value& source = flow_.atoms.sources_of(result).front();
  if (sets_byte_by_condition(fields)) {
    const auto before = of(source, depth);
    return before == Numbers{0} ? std::optional{Numbers{0, 1}} : std::nullopt;
  }
  if (fields.map != elf::InstructionFields::Map::one_byte) return std::nullopt;
  const auto with_size = [&](std::int64_t n) { return fields.w ? n : in_32_bits(n); };
  const bool is_itself = fields.reg == fields.rm && fields.r == fields.b;
  if ((fields.opcode == 0x19 || fields.opcode == 0x1B) && is_itself) return Numbers{0, -1};  // sbb
  if (fields.opcode == 0x81 || fields.opcode == 0x83) {
    constexpr unsigned kOr = 1, kAnd = 4;
    if (fields.reg != kOr && fields.reg != kAnd) return std::nullopt;
    return changed(of(source, depth), [&](std::int64_t n) {
      return with_size(fields.reg == kAnd ? n & fields.constant : n | fields.constant);
    });
  }
  if (fields.opcode == 0xF7) {
    constexpr unsigned kNot = 2, kNegate = 3;
    if (fields.reg != kNot && fields.reg != kNegate) return std::nullopt;
    return changed(of(source, depth), [&](std::int64_t n) {
      return with_size(fields.reg == kNot ? ~n : times(n, -1));
    });
  }
  return std::nullopt;
}

const Instruction* PossibleNumbers::instruction_before(std::uint64_t pc) const {
  const auto at = std::ranges::lower_bound(code_, pc, {}, &Instruction::end);
  return at == code_.end() || at->end() != pc ? nullptr : &*at;
}

}  // namespace allocs::meta
