// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runt/register_walk.h"
#include "runtime/query/callers_registers.h"
#include "runtime/query/frame_place.h"
#include "runtime/query/frame_search.h"
#include "runtime/query/location_list.h"
#include "runtime/query/process.h"
#include "types/word_content.h"

// What lies in the registers of a frame at its pc, saved or not: the variable that the nearest caller has there, if none between has saved the register again for a use of its own.
//
//   innermost   saves rbx at CFA-24                      this slot holds what middle has in rbx: nothing is told there, and middle
//   middle      does not save rbx, has no variable there  has not saved it, so has not used it: what outer has in rbx: p
//   outer       p is in rbx at this pc
//
// A variable narrower than its register says nothing about the rest of it, and so neither that it holds a pointer nor that it holds none.
namespace allocs::query::places {

using Holds = FramePlace::Holds;

inline constexpr std::uint64_t kWord = 8;

// What a variable of that type in a register of eight bytes makes of it.
template <Process P>
Holds holds_of_register(const P& process, const Object& object, types::TypeIndex index) {
  const types::TypeRecord* const record = object.image->type(index);
  if (record == nullptr || record->size != kWord) return Holds::unknown;
  switch (record->kind) {
    case types::Kind::address:
      return record->detail == static_cast<std::uint8_t>(types::AddressKind::member_pointer)
                 ? Holds::no_pointer
                 : Holds::pointer;
    case types::Kind::base:
    case types::Kind::enumeration:
    case types::Kind::subrange:
      return Holds::no_pointer;
    case types::Kind::composite:
    case types::Kind::array:
      break;
    default:
      return Holds::unknown;
  }
  const uniqtype* const type = process.types().type(object, index);
  if (type == nullptr) return Holds::unknown;
  types::WordContent content;
  content.add(*type, {Address{}, Address{kWord}}, Address{}, [](unsigned) { return 0; });
  return content.is_pointer() ? Holds::pointer
         : content.is_none()  ? Holds::no_pointer
                              : Holds::unknown;
}

// What `function` has in the register at `pc`, a link address. False: nothing is told.
template <Process P>
bool find_variable_in_register(const P& process, const Object& object,
                               const types::FunctionRecord& function, std::uint64_t pc,
                               unsigned reg, FramePlace& place) {
  const types::Image& image = *object.image;
  bool is_found = false;
  for (const types::VariableRecord& variable : variables_of(image, function)) {
    bool is_there = false;
    ByteReader reader = reader_of_locations(image, variable);
    read_location_list(image, reader, function.low, [&](const LocationEntry& entry) {
      if (entry.kind == types::LocationKind::in_register && entry.covers(pc) &&
          entry.value == static_cast<std::int64_t>(reg))
        is_there = true;
    });
    if (!is_there) continue;
    const Holds holds = (variable.flags & types::kVariableSized) != 0
                            ? Holds::unknown
                            : holds_of_register(process, object, variable.type);
    if (!is_found) {
      place.holds = holds;
      place.function = image.text(function.name);
      place.variable = image.text(variable.name);
      place.type = process.types().type(object, variable.type);
    } else if (place.holds != holds) {
      place.holds = Holds::unknown;
    }
    is_found = true;
  }
  return is_found;
}

inline bool is_base_of_frame(const elf::UnwindRule& rule, unsigned reg) {
  return reg == elf::kRbp && !rule.cfa_is_expression && rule.cfa_register == reg;
}

// What could not be read may be a further variable there, or a nearer one.
inline void tell_nothing_of_register(FramePlace& place) {
  place.holds = Holds::unknown;
  place.is_frame_pointer = false;
  place.function = place.variable = nullptr;
  place.type = nullptr;
}

// What the walk's frame has in a register at its pc. False: that does not tell.
template <Process P, typename W>
bool find_in_register(const P& process, const W& walk, unsigned reg, FramePlace& place) {
  const Object* const object = process.find_object(walk.frame()->lookup_pc());
  if (is_base_of_frame(walk.rule(), reg)) {
    place.is_frame_pointer = true;
    place.holds = Holds::pointer;
    if (object == nullptr || !object->image) return true;
  }
  if (object == nullptr || !object->image) return false;
  const std::uint64_t pc = raw(object->link_address(walk.frame()->lookup_pc()));
  const types::FunctionRecord* const function = object->image->find_function(pc);
  if (place.is_frame_pointer) {
    if (function != nullptr) place.function = object->image->text(function->name);
    return true;
  }
  const bool is_found =
      function != nullptr && find_variable_in_register(process, *object, *function, pc, reg, place);
  if (object->image->is_damaged()) [[unlikely]] {
    tell_nothing_of_register(place);
    return true;
  }
  return is_found;
}

// Does the walk's frame leave the register alone? Of code that the program made the rules may tell no more than what unwinding needs.
template <Process P, typename W>
bool leaves_alone(const P& process, const W& walk, unsigned reg) {
  const elf::Saved how = walk.rule().how_saved(reg);
  return (runt::kPreservedRegisters >> reg & 1) != 0 &&
         (how == elf::Saved::unspecified || how == elf::Saved::same) &&
         process.find_object(walk.frame()->lookup_pc()) != nullptr;
}

// What the callers of the walk's frame have in the register: see above.
template <Process P, typename W>
void find_in_callers(const P& process, const W& callee, unsigned reg, CallersRegisters& known,
                     FramePlace& place) {
  const unsigned from = callee.number();
  if (known.find(reg, from, place)) return;
  W walk = callee;
  for (unsigned depth = 0; depth < kMostFrames; ++depth) {
    if (!walk.next() || find_in_register(process, walk, reg, place) ||
        !leaves_alone(process, walk, reg))
      break;
  }
  known.note(reg, from, walk.number(), place);
}

}  // namespace allocs::query::places
