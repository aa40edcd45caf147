// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <type_traits>

#include "runt/unwind.h"
#include "runtime/query/alloca_query.h"
#include "runtime/query/answer.h"
#include "runtime/query/computed_variable.h"
#include "runtime/query/frame_layout.h"
#include "runtime/query/frame_search.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/process.h"
#include "types/subobject.h"

// Addresses inside the frames of one thread whose registers are known.
//
// A frame reaches from its stack pointer (128 bytes lower if it is a leaf that was interrupted) to its canonical frame address.
// Where the distance between the two depends on the pc alone, all of that is one allocation with the frame's type. In a frame that
// grows at run time (one with a frame pointer) the type begins at the lowest variable; what lies below (spilled registers,
// arguments being built, alloca) is the frame's as well, without a type. Arguments that came on the stack lie above the canonical
// frame address, in the caller's frame, but they are variables of the callee:
//
//        caller's temporaries | x y z (arguments on the stack)      <- callee's layout.high > 0
//        ------ CFA of callee ------
//        return address, saved registers, locals                    <- [CFA + layout.low, CFA + layout.high)
//        spills, variable-length arrays                             <- [sp, CFA + layout.low)
//
// A variable whose place or size the frame computes is an allocation of its own in the frame, and so is a block of alloca of which the code
// left a record.
namespace allocs::query {

inline constexpr std::uint64_t kLargestFrame = 0xFFFFFFFF;
inline constexpr std::uint64_t kMostArgumentBytes = 1 << 16;  // passed on the stack

// A whole frame without metadata, or what is below its variables.
inline Answer answer_from_bare_frame(const runt::Frame& frame, AddressRange range,
                                     int why_no_type) {
  Answer answer = Answer::of(Allocator::stackframe, range, ALLOC_EV_UNWIND);
  answer.site = frame.pc;
  answer.set_no_type(why_no_type);
  return answer;
}

// The frame of a function that the program made at run time.
inline Answer answer_from_frame_of_made_code(const runt::Frame& frame, AddressRange range,
                                             const MadeCode& code) {
  Answer answer = answer_from_bare_frame(frame, range, ALLOC_E_NO_METADATA);
  answer.name = answer.site_function = code.function;
  answer.site_object = code.source;
  answer.evidence |= code.evidence;
  return answer;
}

// What the metadata says of the function that a frame is of, at its pc. The same for every frame of that pc and size, so that it can
// be kept.
struct FrameFacts {
  const Object* object = nullptr;
  const types::FunctionRecord* function = nullptr;
  FrameLayout layout{};
  uniqtype* type = nullptr;
};

template <Process P>
FrameFacts read_frame_facts(const P& process, const runt::Frame& frame) {
  FrameFacts facts{.object = process.find_object(frame.lookup_pc())};
  if (facts.object == nullptr || !facts.object->image) return facts;
  const types::Image& image = *facts.object->image;
  const std::uint64_t pc = raw(facts.object->link_address(frame.lookup_pc()));
  facts.function = image.find_function(pc);
  if (facts.function == nullptr) return facts;
  const RegisterPlaces registers{.sp = static_cast<std::int64_t>(frame.sp - frame.cfa),
                                 .fp = static_cast<std::int64_t>(frame.fp - frame.cfa),
                                 .has_fp = frame.fp != Address{}};
  facts.layout = frame_layout(image, *facts.function, pc, registers);
  if (frame.has_fixed_size) facts.layout.low = std::min(facts.layout.low, registers.sp);
  facts.type = frame_type(process.types(), *facts.object, *facts.function, facts.layout);
  return facts;
}

// `at` lies between the frame's lowest byte and the end of its arguments on the stack.
template <Process P>
Answer answer_from_frame(const P& process, const runt::Frame& frame, const FrameFacts& facts,
                         Address at) {
  const AddressRange whole{frame.lowest(), frame.cfa};
  if (facts.function == nullptr) {
    if (facts.object == nullptr) {
      if (const auto code = process.made_code_at(frame.lookup_pc()))
        return answer_from_frame_of_made_code(frame, whole, *code);
    }
    const bool has_image = facts.object != nullptr && facts.object->image;
    const int why = has_image                 ? ALLOC_E_NO_TYPE
                    : facts.object != nullptr ? facts.object->image_error
                                              : ALLOC_E_NO_METADATA;
    return answer_from_bare_frame(frame, whole, why);
  }
  const AddressRange typed{frame.cfa + static_cast<std::uint64_t>(facts.layout.low),
                           frame.cfa + static_cast<std::uint64_t>(facts.layout.high)};
  const bool is_typed = typed.size() == 0 || typed.contains(at);
  const AddressRange range = typed.size() == 0 ? whole
                             : is_typed        ? typed
                                               : AddressRange{whole.begin, typed.begin};
  Answer answer = answer_from_bare_frame(frame, range, ALLOC_E_NO_TYPE);
  answer.has_parts = facts.layout.has_computed_variables || facts.layout.has_alloca;
  answer.name = answer.site_function = facts.object->image->text(facts.function->name);
  answer.site_object = facts.object->path;
  answer.evidence |= ALLOC_EV_DEBUG_INFORMATION;
  if (!is_typed) return answer;
  if (facts.type != nullptr) {
    answer.set_type(facts.type, ALLOC_GRADE_EXACT);
  } else {
    answer.set_no_type(process.types().may_make ? ALLOC_E_NO_MEMORY : ALLOC_E_NOT_YET);
  }
  return answer;
}

// The variable at `at` whose place or size the frame itself tells. What the frame's type says has precedence.
template <Process P, typename W>
std::optional<Answer> answer_from_computed_variable(const P& process, const W& walk,
                                                    const runt::Frame& frame,
                                                    const FrameFacts& facts, Address at) {
  const AddressRange whole{frame.lowest(), frame.cfa};
  if (whole.size() > kLargestFrame) return std::nullopt;
  const AddressRange typed{frame.cfa + static_cast<std::uint64_t>(facts.layout.low),
                           frame.cfa + static_cast<std::uint64_t>(facts.layout.high)};
  types::Subobject member;
  if (typed.contains(at)) {
    if (facts.type == nullptr) return std::nullopt;
    if (types::subobject_at(*facts.type, typed.size(), at - typed.begin, member))
      return std::nullopt;
  }
  const std::uint64_t pc = raw(facts.object->link_address(frame.lookup_pc()));
  const std::optional<runt::Registers> registers = walk.registers_of_last();
  if (!registers) return std::nullopt;
  const auto& memory = walk.memory();
  const Activation<std::remove_cvref_t<decltype(memory)>> activation{
      .memory = memory,
      .registers = *registers,
      .range = whole,
      .lowest_fixed = frame.has_fixed_size ? frame.cfa : typed.begin,
      .end_of_arguments = frame.cfa + kMostArgumentBytes};
  const auto found =
      computed_variable_at(activation, *facts.object->image, *facts.function, pc, at);
  if (!found) return std::nullopt;
  Answer answer = answer_from_bare_frame(frame, found->range, ALLOC_E_NO_TYPE);
  // What lies around it: the typed part of the frame, or the one below; all of it where it reaches over their border.
  const AddressRange below{whole.begin, typed.size() == 0 ? whole.end : typed.begin};
  const auto holds = [&](AddressRange part) {
    return found->range.begin >= part.begin && found->range.end <= part.end;
  };
  const AddressRange part = holds(typed) ? typed : holds(below) ? below : whole;
  answer.frame_below = static_cast<std::uint32_t>(found->range.begin - part.begin);
  answer.frame_above = static_cast<std::uint32_t>(part.end - found->range.end);
  answer.rows = found->rows;
  answer.has_parts = true;
  answer.name = answer.site_function = facts.object->image->text(facts.function->name);
  answer.variable = facts.object->image->text(found->variable->name);
  answer.site_object = facts.object->path;
  answer.evidence |= ALLOC_EV_DEBUG_INFORMATION;
  if (!process.types().are_wanted) return answer;
  answer.set_type(process.types().type(*facts.object, found->variable->type), ALLOC_GRADE_EXACT);
  if (answer.type == nullptr && !process.types().may_make) answer.set_no_type(ALLOC_E_NOT_YET);
  return answer;
}

// What the constant at `constant` says of a block of `size` bytes; it lies in whichever object the code is from.
template <Process P>
void set_type_of_alloca(const P& process, Address constant, std::uint64_t size, Answer& answer) {
  if (constant == Address{}) return;
  const Object* object = process.find_object(constant);
  if (object == nullptr || !object->image) return;
  const types::SiteRecord* site = object->image->find_site(raw(object->link_address(constant)));
  if (site == nullptr || site->type == types::kNoType) return;
  SiteFacts type;
  set_type_of_site(process, *object, *site, type);
  set_type_from_site(type, size, answer);
}

// The block of alloca at `at`.
template <Process P, typename W>
std::optional<Answer> answer_from_alloca(const P& process, const W& walk, const runt::Frame& frame,
                                         const FrameFacts& facts, Address at) {
  const AddressRange whole{frame.lowest(), frame.cfa};
  const AddressRange typed{frame.cfa + static_cast<std::uint64_t>(facts.layout.low),
                           frame.cfa + static_cast<std::uint64_t>(facts.layout.high)};
  const AddressRange below{whole.begin, typed.size() == 0 ? whole.end : typed.begin};
  // A frame of fixed size has no room for blocks: at the beginning and at the end of a function.
  if (frame.has_fixed_size || whole.size() > kLargestFrame || !below.contains(at))
    return std::nullopt;
  const std::uint64_t pc = raw(facts.object->link_address(frame.lookup_pc()));
  runt::Registers registers;
  registers.set(elf::kRsp, raw(frame.sp));
  if (frame.fp != Address{}) registers.set(elf::kRbp, raw(frame.fp));
  if (facts.layout.has_computed_variables) {
    const auto all = walk.registers_of_last();
    if (all) registers = *all;
  }
  const auto& memory = walk.memory();
  const Activation<std::remove_cvref_t<decltype(memory)>> activation{.memory = memory,
                                                                     .registers = registers,
                                                                     .range = whole,
                                                                     .lowest_fixed = below.end,
                                                                     .end_of_arguments = frame.cfa};
  const auto found =
      alloca_block_at(activation, *facts.object, *facts.function, pc, {frame.sp, below.end}, at);
  if (!found) return std::nullopt;
  Answer answer = answer_from_bare_frame(frame, found->range, ALLOC_E_NO_TYPE);
  answer.allocator = Allocator::frame_alloca;
  answer.evidence |= ALLOC_EV_FRAME_RECORD;
  answer.site = found->site;
  answer.frame_below = static_cast<std::uint32_t>(found->range.begin - below.begin);
  answer.frame_above = static_cast<std::uint32_t>(below.end - found->range.end);
  answer.has_parts = true;
  answer.name = answer.site_function = facts.object->image->text(facts.function->name);
  answer.site_object = facts.object->path;
  if (process.types().are_wanted)
    set_type_of_alloca(process, found->type, found->range.size(), answer);
  return answer;
}

// Gives the frames of one thread, innermost first; and of the last one all registers that can be known, which may cost another walk.
template <typename W>
concept FrameWalk = requires(W& walk) {
  { walk.next() } -> std::same_as<std::optional<runt::Frame>>;
  { walk.registers_of_last() } -> std::same_as<std::optional<runt::Registers>>;
  { walk.lookup_pc() } -> std::same_as<Address>;
  requires Memory<std::remove_cvref_t<decltype(walk.memory())>>;
};

// The arguments that `callee` got on the stack, if `at` is in one of them.
template <Process P>
std::optional<Answer> answer_from_stack_arguments(const P& process, const runt::Frame& callee,
                                                  Address at) {
  const FrameFacts facts = process.frame_facts(callee);
  if (facts.function == nullptr || facts.layout.high <= 0) return std::nullopt;
  if (at >= callee.cfa + static_cast<std::uint64_t>(facts.layout.high)) return std::nullopt;
  return answer_from_frame(process, callee, facts, at);
}

// `at` lies between the lowest byte of the walk's frame and its end. `callee`: the frame further in, if that is known.
template <Process P, FrameWalk W>
Answer answer_in_frame(const P& process, const W& walk, const runt::Frame& frame,
                       const std::optional<runt::Frame>& callee, Address at) {
  if (callee && !callee->is_signal_frame && at < callee->cfa + kMostArgumentBytes) {
    if (auto argument = answer_from_stack_arguments(process, *callee, at)) return *argument;
  }
  const FrameFacts facts = process.frame_facts(frame);
  if (facts.layout.has_alloca) {
    if (auto block = answer_from_alloca(process, walk, frame, facts, at)) return *block;
  }
  if (facts.layout.has_computed_variables) {
    if (auto own = answer_from_computed_variable(process, walk, frame, facts, at)) return *own;
  }
  return answer_from_frame(process, frame, facts, at);
}

// The walk has ended, at code of which `pc` is an address, before it came to what was looked for.
template <Process P>
Answer answer_beyond_frames(const P& process, Address pc) {
  Answer answer = Answer::cannot_tell(ALLOC_E_NO_UNWIND);
  if (const auto code = process.made_code_at(pc)) {
    answer.name = answer.site_function = code->function;
    answer.site_object = code->source;
    answer.site = pc;
    answer.evidence = code->evidence;
  }
  return answer;
}

// Walks until the frame that contains `at`. "Cannot tell" if the walk ends before it; if that was in code that the program made, with its
// name. An address below the innermost frame is in
// none: nothing there. Where a thread runs on several stacks, `where` is the one that `at` lies on: frames elsewhere are passed.
// Context: signal if process.types() may not make types.
template <Process P, FrameWalk W>
Answer query_frames(const P& process, W& walk, Address at, AddressRange where = kAnywhere) {
  std::optional<runt::Frame> callee;
  if constexpr (requires { walk.pass_below(at, kMostFrames); }) {
    if (where == kAnywhere) walk.pass_below(at, kMostFrames);
  }
  for (unsigned depth = 0; depth < kMostFrames; ++depth) {
    const auto frame = walk.next();
    if (!frame) break;
    if (!where.contains(frame->lowest())) {
      callee.reset();
      continue;
    }
    if (at < frame->lowest()) return {};
    if (at < frame->cfa) return answer_in_frame(process, walk, *frame, callee, at);
    callee = frame;
  }
  return answer_beyond_frames(process, walk.lookup_pc());
}

// The same by a search that may have been used before.
template <Process P, FrameWalk W>
Answer query_frames(const P& process, FrameSearch<W>& search, Address at) {
  using Found = typename FrameSearch<W>::Found;
  switch (search.find(at)) {
    case Found::frame:
      return answer_in_frame(process, search.walk(), search.frame(), search.callee(), at);
    case Found::nothing_there:
      return {};
    case Found::end:
      break;
  }
  return answer_beyond_frames(process, search.walk().lookup_pc());
}

}  // namespace allocs::query
