// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/text_writer.h"
#include "runt/unwind.h"
#include "runtime/query/answer.h"

// A place of a frame, in memory or a register, and what is known of what is there: frame_scan.h finds them.
namespace allocs::query {

struct FramePlace {
  enum class Part : std::uint8_t { variable, saved_register, return_address, in_register, rest };
  enum class Holds : std::uint8_t { unknown, pointer, no_pointer };

  Part part = Part::rest;
  Holds holds = Holds::unknown;
  bool is_frame_pointer = false;  // the register, as the frame or a caller's needs it
  bool is_of_interrupted =
      false;  // saved by the kernel, of a function that a signal has interrupted
  bool has_value = false;
  std::uint8_t reg = elf::kRegisterCount;  // of a register, saved or not
  AddressRange range{};  // in memory; of a register, where its value lies meanwhile; empty: nowhere
  std::uint64_t value = 0;
  const char* function = nullptr;  // whose variable it is, or whose frame pointer
  const char* variable = nullptr;  // the first, of several
  uniqtype* type = nullptr;        // of the pointer, or of the variable in the register

  bool is_slot() const { return part == Part::saved_register || part == Part::return_address; }
};

// The frame that was looked into.
struct FrameView {
  int error = ALLOC_E_NOTHING_THERE;
  runt::Frame frame{};
  const char* function = nullptr;  // nullptr: not known
  const char* object = nullptr;
  AddressRange range{};  // its own bytes, without arguments on the stack
  Address caller{};      // an address in the caller's frame, where there is one
  int thread = 0;
};

// Which frames are looked into.
enum class FrameReach : std::uint8_t { one, callers_too };

// Called for each place. False ends it.
struct PlaceVisitor {
  bool (*call)(void* context, const FrameView& frame, const FramePlace& place);
  void* context;
  bool operator()(const FrameView& frame, const FramePlace& place) const {
    return call(context, frame, place);
  }
};

// What stands for the slot of a saved register in paths. Static text; nullptr for other places.
inline const char* slot_name(const FramePlace& place) {
  static constexpr char kNames[elf::kRegisterCount][12] = {
      "(saved rax)", "(saved rdx)", "(saved rcx)", "(saved rbx)", "(saved rsi)", "(saved rdi)",
      "(saved rbp)", "(saved rsp)", "(saved r8)",  "(saved r9)",  "(saved r10)", "(saved r11)",
      "(saved r12)", "(saved r13)", "(saved r14)", "(saved r15)", "(saved rip)"};
  if (place.part == FramePlace::Part::return_address) return "(return address)";
  return place.part == FramePlace::Part::saved_register ? kNames[place.reg] : nullptr;
}

// "main::p", "the frame pointer of main": what is known to lie in a register, saved or not; nothing if that is not known. Context: signal.
[[gnu::noinline]] inline void put_occupant(TextWriter& out, const FramePlace& place) {
  if (place.is_frame_pointer) {
    out.put(std::string_view("the frame pointer"));
    if (place.function != nullptr) out.put(std::string_view(" of ")).put(place.function);
  } else if (place.variable != nullptr) {
    out.put(place.function).put("::").put(place.variable);
  }
}

}  // namespace allocs::query
