// SPDX-License-Identifier: Apache-2.0
#include "meta/typed_places.h"

#include <algorithm>

#include "meta/without_repetition.h"

// Debug information types places: variables, members, statics. Code moves values. Here the two meet: a value is traced back to a
// place whose type is declared, and from there on types are followed, not bytes.
//
//     mov  rax, [rbp-24]      load from frame slot -40: that is the variable `o`, of type struct s*
//     mov  [rax+40], rdx      so this writes the member of struct s at 40, of type void*
//
// Several variables may share a register, and casts give a value several types, so every answer is a list; it is for the caller
// to see whether its members agree.
namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::TypeGraph;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr int kDeepestType = 12;
constexpr int kDeepestValue = 6;

void add_scalars(const TypeGraph& graph, const TypedPlace& place, std::uint64_t step, int depth,
                 std::vector<ScalarPlace>& found) {
  if (place.type == kNoType || place.offset < 0 || depth > kDeepestType) return;
  const TypeRecord& type = graph[place.type];
  const auto offset = static_cast<std::uint64_t>(place.offset);
  switch (type.kind) {
    case Kind::array: {
      const std::uint64_t size = graph[type.target].size;
      if (size == 0 || size == types::kUnknownSize) return;
      if (type.count != types::kUnbounded && offset >= size * type.count) return;
      const auto rest = static_cast<std::int64_t>(offset % size);
      return add_scalars(graph, {type.target, rest}, size, depth + 1, found);
    }
    case Kind::composite:
      for (const MemberRecord& member : graph.members_of(place.type)) {
        if (member.offset > offset || member.type == kNoType || !types::has_place(member)) continue;
        const std::uint64_t rest = offset - member.offset;
        const TypeRecord& inner = graph[member.type];
        const bool open_ended = inner.kind == Kind::array && inner.count == types::kUnbounded;
        if (!open_ended && rest >= inner.size) continue;
        add_scalars(graph, {member.type, static_cast<std::int64_t>(rest)}, step, depth + 1, found);
      }
      return;
    default:
      if (offset == 0) found.push_back({place.type, step});
  }
}

}  // namespace

TypeIndex pointee_of(const TypeGraph& graph, TypeIndex pointer) {
  if (pointer == kNoType) return kNoType;
  const TypeRecord& type = graph[pointer];
  if (type.kind != Kind::address || type.target == kNoType) return kNoType;
  if (type.detail == static_cast<std::uint8_t>(types::AddressKind::member_pointer)) return kNoType;
  return graph[type.target].kind == Kind::subprogram ? kNoType : type.target;
}

std::vector<ScalarPlace> scalars_at(const TypeGraph& graph, const TypedPlace& place) {
  std::vector<ScalarPlace> found;
  add_scalars(graph, place, 0, 0, found);
  return found;
}

TypedStatics::TypedStatics(const types::ObjectModel& model) {
  for (const types::StaticRecord& record : model.statics) {
    if (record.kind != types::StaticKind::object || record.type == kNoType) continue;
    objects_.push_back({record.address, record.size, record.type});
  }
  std::sort(objects_.begin(), objects_.end(), [](const Object& a, const Object& b) {
    return a.address != b.address ? a.address < b.address : a.type < b.type;
  });
}

std::vector<TypedPlace> TypedStatics::at(std::uint64_t address) const {
  constexpr int kMostOverlaps = 8;
  std::vector<TypedPlace> found;
  auto object = std::upper_bound(objects_.begin(), objects_.end(), address,
                                 [](std::uint64_t a, const Object& o) { return a < o.address; });
  for (int n = 0; n < kMostOverlaps && object != objects_.begin(); ++n) {
    --object;
    const std::uint64_t offset = address - object->address;
    if (offset < object->size) add_new(found, {object->type, static_cast<std::int64_t>(offset)});
  }
  return found;
}

PointerTypes::PointerTypes(const types::ObjectModel& model, const TypedStatics& statics,
                           const TypedVariables& variables, const FunctionFlow& flow,
                           const ResultTypes& result_types)
    : model_(model),
      statics_(statics),
      variables_(variables),
      flow_(flow),
      result_types_(result_types) {}

std::vector<TypedPlace> PointerTypes::targets_of(const Value& value, Register r,
                                                 std::uint64_t pc) const {
  return targets(value, r, pc, 0);
}

std::vector<TypeIndex> PointerTypes::declared_targets(const Access& access,
                                                      std::uint64_t after) const {
  return pointees(places_of(access, after, 0));
}

std::vector<TypeIndex> PointerTypes::declared_targets_at(const Value& address, Register r,
                                                         std::uint64_t pc) const {
  return pointees(targets(address, r, pc, 0));
}

std::vector<TypeIndex> PointerTypes::pointees(std::span<const TypedPlace> places) const {
  std::vector<TypeIndex> found;
  for (const TypedPlace& place : places) {
    std::vector<TypeIndex> here;
    for (const ScalarPlace& scalar : scalars_at(model_.types, place)) {
      const TypeIndex target = pointee_of(model_.types, scalar.type);
      if (target != kNoType) add_new(here, target);
    }
    if (here.size() == 1) add_new(found, here.front());  // more: a union, which says nothing
  }
  // One says that it is no particular type.
  const bool is_open = found.size() > 1 && std::ranges::any_of(found, [&](TypeIndex type) {
                         return type == TypeGraph::kVoid || is_character(model_.types[type]);
                       });
  return is_open ? std::vector<TypeIndex>{} : found;
}

bool PointerTypes::stays_typed(const TypedPlace& place, std::int64_t step) const {
  const auto size = static_cast<std::int64_t>(model_.types[place.type].size);
  if (size > 0 && step % size == 0) return true;
  return std::ranges::any_of(scalars_at(model_.types, place), [&](const ScalarPlace& scalar) {
    return scalar.step != 0 && step % static_cast<std::int64_t>(scalar.step) == 0;
  });
}

// Places that stay typed when an index moves them in steps of `step` bytes.
std::vector<TypedPlace> PointerTypes::stepped(std::vector<TypedPlace> places,
                                              std::int64_t step) const {
  std::erase_if(places, [&](const TypedPlace& place) { return !stays_typed(place, step); });
  return places;
}

std::vector<TypedPlace> PointerTypes::places_of(const Access& access, std::uint64_t after,
                                                int depth) const {
  const MemoryPlace& place = access.place;
  if (!place.known || depth > kDeepestValue) return {};
  if (access.base.is_in_frame() && place.index == Register::none) {
    return variables_.in_frame(plus(access.base.addend, place.displacement), after);
  }
  std::vector<TypedPlace> found;
  if (place.base == Register::none) {
    found = statics_.at(static_cast<std::uint64_t>(place.displacement));
  } else {
    found = targets(access.base, place.base, access.pc, depth + 1);
    for (TypedPlace& target : found) target.offset = plus(target.offset, place.displacement);
  }
  if (found.empty() && place.index == Register::none) {  // [index + address of a static array]
    found = statics_.at(static_cast<std::uint64_t>(plus(place.displacement, access.base.addend)));
    return stepped(std::move(found), access.base.factor);
  }
  if (place.index == Register::none) return found;

  const std::int64_t step = times(access.index.factor, place.scale);
  const std::int64_t first = times(access.index.addend, place.scale);
  for (TypedPlace& target : found) target.offset = plus(target.offset, first);
  if (found.empty() && place.scale == 1) {  // [index + pointer]
    found = targets(access.index, place.index, access.pc, depth + 1);
    for (TypedPlace& target : found) target.offset = plus(target.offset, place.displacement);
    return stepped(std::move(found), access.base.factor);
  }
  return stepped(std::move(found), step);
}

std::vector<TypedPlace> PointerTypes::targets(const Value& value, Register r, std::uint64_t pc,
                                              int depth) const {
  std::vector<TypedPlace> found;
  if (depth > kDeepestValue) return found;
  if (r != Register::none) {
    for (const TypeIndex type : variables_.in_register_at(r, pc)) {
      const TypeIndex target = pointee_of(model_.types, type);
      if (target != kNoType) add_new(found, {target, 0});
    }
    for (const ComputedPointer& one : variables_.computed_from(r, pc, pc + 1)) {
      const TypeIndex target = pointee_of(model_.types, one.type);
      if (target != kNoType && one.addend) add_new(found, {target, times(*one.addend, -1)});
    }
  }
  if (value.is_constant()) {
    for (const TypedPlace& place : statics_.at(static_cast<std::uint64_t>(value.addend))) {
      add_new(found, place);
    }
  } else if (value.factor == 1) {
    add_atom_targets(found, value, pc, depth);
  }
  std::erase_if(found, [&](const TypedPlace& place) { return place.type == TypeGraph::kVoid; });
  return found;
}

void PointerTypes::add_atom_targets(std::vector<TypedPlace>& found, const Value& value,
                                    std::uint64_t pc, int depth) const {
  const Atom& atom = flow_.atoms[value.atom];
  const auto add = [&](TypeIndex type) {
    if (type != kNoType) add_new(found, {type, value.addend});
  };
  const auto add_register = [&](std::uint64_t at) {
    if (atom.where < 0 || atom.where >= static_cast<std::int64_t>(kRegisterCount)) return;
    for (const TypeIndex t : variables_.in_register_at(static_cast<Register>(atom.where), at)) {
      add(pointee_of(model_.types, t));
    }
  };
  const auto kept = std::ranges::equal_range(flow_.kept_in_frame, value.atom, {}, &KeptFact::value);
  for (const KeptFact& fact : kept) {
    for (const TypeIndex t : pointees(variables_.in_frame(fact.offset, fact.after))) add(t);
  }
  switch (atom.kind) {
    case AtomKind::frame:
      for (const TypedPlace& place : variables_.in_frame(value.addend, pc)) add_new(found, place);
      break;
    case AtomKind::load: {
      const Access& access = flow_.atoms.access_of(atom);
      for (const TypeIndex t : pointees(places_of(access, access.pc, depth + 1))) add(t);
      break;
    }
    case AtomKind::entry:
      add_register(flow_.low);
      break;
    case AtomKind::opaque:
      add_register(atom.pc);
      break;
    case AtomKind::result:
      add(result_types_.of(value.atom));
      break;
    case AtomKind::choice:
      if (atom.where < static_cast<std::int64_t>(kRegisterCount)) {
        add_register(atom.pc);
      } else {
        for (const TypeIndex t : pointees(variables_.in_frame(atom.where - kSlotBase, atom.pc))) {
          add(t);
        }
      }
      if (found.empty()) {
        for (const TypedPlace& place : targets_of_choice(value.atom, depth))
          add_new(found, {place.type, plus(place.offset, value.addend)});
      }
      break;
    case AtomKind::sum:
      for (int side = 0; side < 2; ++side) {
        const Value& pointer = flow_.atoms.sources_of(atom)[static_cast<std::size_t>(side)];
        const Value& index = flow_.atoms.sources_of(atom)[static_cast<std::size_t>(1 - side)];
        if (pointer.factor != 1 && !pointer.is_constant()) continue;
        auto places = targets(pointer, Register::none, pc, depth + 1);
        for (TypedPlace& place : places) place.offset = plus(place.offset, value.addend);
        for (const TypedPlace& place : stepped(std::move(places), index.factor)) {
          add_new(found, place);
        }
      }
      break;
    default:
      break;
  }
}

// A pointer that no variable says the type of: `s->rows`, or what that has just been set to. All that it may be point at one type; of what a
// call returned that need not be known.
std::vector<TypedPlace> PointerTypes::targets_of_choice(AtomId choice, int depth) const {
  std::vector<TypedPlace> found;
  for (const AtomId id : flow_.atoms.alternatives(Value::of(choice))) {
    const Atom& atom = flow_.atoms[id];
    if (atom.kind == AtomKind::choice) continue;
    const auto here = targets(Value::of(id), Register::none, atom.pc, depth + 1);
    if (here.empty() && atom.kind == AtomKind::result) continue;
    if (here.size() != 1 || (!found.empty() && found != here)) return {};
    found = here;
  }
  return found;
}

}  // namespace allocs::meta
