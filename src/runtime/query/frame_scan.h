// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "runtime/query/frame_search.h"
#include "runtime/query/object_reader.h"
#include "runtime/query/register_occupant.h"
#include "runtime/query/stack_query.h"
#include "types/word_content.h"

// What lies where in one frame at its pc: variables, saved registers, the return address, and what its registers hold.
//
// Which registers a function has saved, and where, is in the call frame information, for every pc. That is no part of the frame's type: a type must not depend on how
// far a prologue has come, and a saved register is nothing that the function has declared. What a saved register holds is its callers' business: see register_occupant.h.
//
// A word certainly holds a pointer if all that types say to be there are pointers that begin with it; certainly none, if something else certainly lies there, and no
// pointer and no bytes, which may be anything. Compilers say where a variable is, not whether it has been assigned yet.
namespace allocs::query {

namespace places {

using Part = FramePlace::Part;

inline constexpr std::uint64_t kMostBytes = std::uint64_t{64}
                                            << 20;  // that are looked at word by word

// Of the arguments that the frame got on the stack; what lies behind is its caller's.
inline Address end_of_arguments(const runt::Frame& frame, const FrameFacts& facts) {
  if (facts.function == nullptr || facts.layout.high <= 0 || frame.is_signal_frame)
    return frame.cfa;
  return frame.cfa + std::min(static_cast<std::uint64_t>(facts.layout.high), kMostArgumentBytes);
}

// One frame, of which the places are told.
template <Process P, typename W>
class FrameScan {
 public:
  // `beginning`: where its own bytes begin, behind arguments of what it has called. `registers` belong to the walk.
  FrameScan(const P& process, const W& walk, Address beginning, CallersRegisters& registers,
            FrameView& view, const PlaceVisitor& visit)
      : process_(process),
        walk_(walk),
        registers_(registers),
        facts_(process.frame_facts(*walk.frame())),
        view_(view),
        visit_(visit) {
    const runt::Frame& frame = *walk.frame();
    view_.error = ALLOC_OK;
    view_.frame = frame;
    view_.function = view_.object = nullptr;
    view_.range = {std::max(frame.lowest(), beginning), frame.cfa};
    if (view_.range.end < view_.range.begin) view_.range.end = view_.range.begin;
    view_.caller = end_of_arguments();
    if (facts_.function != nullptr) {
      view_.function = facts_.object->image->text(facts_.function->name);
    } else if (facts_.object == nullptr) {
      if (const auto code = process.made_code_at(frame.lookup_pc()))
        view_.function = code->function;
    }
    if (facts_.object != nullptr) view_.object = facts_.object->path;
  }

  // What begins in `only`; registers if that is everything. False: the visitor has ended it.
  bool run(AddressRange only) {
    const bool is_everything = only == kAnywhere;
    if (view_.frame.is_signal_frame) {
      // Where the kernel has put the registers, on whichever stack.
      bool goes_on = true;
      walk_.for_each_slot([&](unsigned reg, Address at) {
        if (goes_on && only.contains(at)) goes_on = visit_(view_, slot_place(reg, at));
      });
      return goes_on && (!is_everything || tell_registers());
    }
    const AddressRange all{view_.range.begin, end_of_arguments()};
    Address at{raw(std::max(all.begin, only.begin)) & ~(kWord - 1)};
    const Address end = std::min(all.end, only.end);
    if (at < end && end - at > kMostBytes) {
      if (!tell_slots({at, end})) return false;
      at = end;
    }
    for (; at < end; at = at + kWord) {
      if (!tell(place_at(at))) return false;
    }
    return flush() && (!is_everything || tell_registers());
  }

 private:
  Address end_of_arguments() const { return query::places::end_of_arguments(view_.frame, facts_); }

  FramePlace slot_place(unsigned reg, Address at) const {
    FramePlace place{.is_of_interrupted = view_.frame.is_signal_frame,
                     .reg = static_cast<std::uint8_t>(reg),
                     .range = {at, at + kWord}};
    read_value(at, place);
    if (reg == walk_.rule().return_register) {
      place.part = Part::return_address;
      place.holds = Holds::pointer;
    } else {
      place.part = Part::saved_register;
      find_in_callers(process_, walk_, reg, registers_, place);
    }
    return place;
  }

  // By address: the least that was not told yet, as often as there are some.
  bool tell_slots(AddressRange range) {
    for (;;) {
      Address next = range.end;
      walk_.for_each_slot([&](unsigned, Address at) {
        const Address word{raw(at) & ~(kWord - 1)};
        if (word >= range.begin) next = std::min(next, word);
      });
      if (next >= range.end) return true;
      if (!tell(place_at(next))) return false;
      range.begin = next + kWord;
    }
  }

  void read_value(Address at, FramePlace& place) const {
    if (const auto value = load<std::uint64_t>(walk_.memory(), at)) {
      place.value = *value;
      place.has_value = true;
    }
  }

  // As query_frames() answers, but for what only its type tells.
  Answer answer_at(Address at) const {
    const runt::Frame& frame = view_.frame;
    if (at < frame.cfa && facts_.layout.has_alloca) {
      if (auto block = answer_from_alloca(process_, walk_, frame, facts_, at)) return *block;
    }
    if (at < frame.cfa && facts_.layout.has_computed_variables) {
      if (auto own = answer_from_computed_variable(process_, walk_, frame, facts_, at)) return *own;
    }
    return answer_from_frame(process_, frame, facts_, at);
  }

  void add_types(const Answer& answer, Address word, types::WordContent& content) const {
    if (answer.error != ALLOC_OK) return;
    if (answer.type == nullptr || answer.type_grade < ALLOC_GRADE_STRONG) {
      // Of a variable or a block something is there, of the rest of the frame nothing is said.
      if (answer.lies_in_frame()) content.is_unclear = true;
      return;
    }
    const types::ObjectReader reader = object_reader(process_);
    content.add(
        *answer.type, answer.range, word, [&](unsigned depth) { return answer.rows.at(depth); },
        &reader);
  }

  FramePlace place_at(Address word) const {
    FramePlace place;
    bool is_slot = false;
    walk_.for_each_slot([&](unsigned reg, Address at) {
      if (at <= word + (kWord - 1) && word <= at + (kWord - 1)) {
        place = slot_place(reg, at);
        is_slot = true;
      }
    });
    const Answer first = answer_at(word);
    const Answer last = answer_at(word + (kWord - 1));
    types::WordContent content;
    add_types(first, word, content);
    if (last.range != first.range || last.allocator != first.allocator)
      add_types(last, word, content);
    // Of what cannot be read something may lie there, too.
    const bool is_damaged =
        facts_.object != nullptr && facts_.object->image && facts_.object->image->is_damaged();
    content.is_unclear |= is_damaged;
    const bool is_said = !content.says_nothing();
    if (is_slot) {
      if (is_said) place.holds = Holds::unknown;
      return place;
    }
    place.range = {word, word + kWord};
    if (!is_said) return place;
    place.part = Part::variable;
    place.function = view_.function;
    place.variable = name_at(first, word);
    if (place.variable == nullptr) place.variable = name_at(last, word + (kWord - 1));
    place.holds = content.is_pointer() ? Holds::pointer
                  : content.is_none()  ? Holds::no_pointer
                                       : Holds::unknown;
    if (place.holds == Holds::pointer) {
      place.type = const_cast<uniqtype*>(content.pointer);
      read_value(word, place);
    }
    return place;
  }

  // The variable around `word`, or the first that has a byte of it.
  static const char* name_at(const Answer& answer, Address word) {
    if (answer.variable != nullptr) return answer.variable;
    if (answer.allocator != Allocator::stackframe || answer.type == nullptr) return nullptr;
    types::Subobject member;
    for (Address at = word; at < word + kWord; at = at + 1) {
      if (answer.range.contains(at) &&
          types::subobject_at(*answer.type, answer.range.size(), at - answer.range.begin, member))
        return member.member;
    }
    return nullptr;
  }

  // Neighbours of which the same is said are told as one; pointers and slots one by one.
  bool tell(const FramePlace& place) {
    const bool is_single = place.is_slot() || place.holds == Holds::pointer;
    if (!is_single && has_pending_ && pending_.part == place.part &&
        pending_.holds == place.holds && pending_.variable == place.variable &&
        pending_.range.end == place.range.begin) {
      pending_.range.end = place.range.end;
      return true;
    }
    if (!flush()) return false;
    if (is_single) return visit_(view_, place);
    pending_ = place;
    has_pending_ = true;
    return true;
  }
  bool flush() {
    if (!has_pending_) return true;
    has_pending_ = false;
    return visit_(view_, pending_);
  }

  bool tell_registers() {
    for (unsigned reg = 0; reg < elf::kRip; ++reg) {
      if (reg == elf::kRsp || !walk_.registers().has(reg)) continue;
      FramePlace place{.part = Part::in_register,
                       .has_value = true,
                       .reg = static_cast<std::uint8_t>(reg),
                       .value = walk_.registers().value[reg]};
      if (const Address at = walk_.place_of(reg); at != Address{}) place.range = {at, at + kWord};
      if (!find_in_register(process_, walk_, reg, place) && leaves_alone(process_, walk_, reg))
        find_in_callers(process_, walk_, reg, registers_, place);
      if (!visit_(view_, place)) return false;
    }
    return true;
  }

  const P& process_;
  const W& walk_;
  CallersRegisters& registers_;
  FrameFacts facts_;
  FrameView& view_;
  const PlaceVisitor& visit_;
  FramePlace pending_{};
  bool has_pending_ = false;
};

}  // namespace places

// Calls `visit` for the places of the frame that contains `at`: by address those in memory that begin in `only`, then, if that is kAnywhere, its registers; and, if `reach` says so, for those
// of its callers on that stack. Context: signal if process.types() may not make types.
template <Process P, typename W>
FrameView look_into_frame(const P& process, FrameSearch<W>& search, Address at, AddressRange only,
                          FrameReach reach, int thread, const PlaceVisitor& visit) {
  FrameView view;
  view.thread = thread;
  const auto found = search.find(at);
  if (found != FrameSearch<W>::Found::frame) {
    const bool is_beyond = found == FrameSearch<W>::Found::end;
    view.error = is_beyond ? ALLOC_E_NO_UNWIND : ALLOC_E_NOTHING_THERE;
    return view;
  }
  const auto look = [&](const W& walk, const std::optional<runt::Frame>& callee) {
    const Address beginning =
        callee ? places::end_of_arguments(*callee, process.frame_facts(*callee)) : Address{};
    return places::FrameScan(process, walk, beginning, search.registers(), view, visit).run(only);
  };
  const auto& callee = search.callee();
  if (callee && at < places::end_of_arguments(*callee, process.frame_facts(*callee))) {
    const bool goes_on = look(search.walk_of_callee(), search.callee_of_callee());
    if (!goes_on || reach == FrameReach::one) return view;
  }
  while (look(search.walk(), search.callee()) && reach == FrameReach::callers_too) {
    // Of a function that was interrupted on another stack, the memory may not be at hand here.
    if (!search.next() || !search.walk().memory().view(search.frame().sp, places::kWord)) break;
  }
  return view;
}

// The slot of a saved register or of the return address at `at`, where the frame that `leaf` is has no variable. Context: as above.
template <Process P>
std::optional<FramePlace> slot_at(const P& process, const Answer& leaf, Address at) {
  if (leaf.error != ALLOC_OK || leaf.allocator != Allocator::stackframe || leaf.variable != nullptr)
    return std::nullopt;
  types::Subobject member;
  if (leaf.type != nullptr &&
      types::subobject_at(*leaf.type, leaf.range.size(), at - leaf.range.begin, member))
    return std::nullopt;
  std::optional<FramePlace> found;
  const PlaceVisitor keep{.call =
                              [](void* into, const FrameView&, const FramePlace& place) {
                                if (!place.is_slot()) return true;
                                static_cast<std::optional<FramePlace>*>(into)->emplace(place);
                                return false;
                              },
                          .context = &found};
  const Address word{raw(at) & ~(places::kWord - 1)};
  process.look_into_frame(at, {word, word + places::kWord}, FrameReach::one, keep);
  if (found && !found->range.contains(at)) found.reset();
  return found;
}

}  // namespace allocs::query
