// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/frame_place.h"

namespace allocs::query {

// What the callers of a frame have in its registers, as far as that was looked for. Callers that leave a register alone pass on what is further out, so what was found for one frame
// holds for all from there to the one that told. Frames are numbered as the walk has met them: one of these belongs to one walk.
class CallersRegisters {
 public:
  // True: known, and put into `place`.
  bool find(unsigned reg, unsigned frame, FramePlace& place) const {
    const Known& known = known_[reg];
    if (frame < known.from || frame >= known.to) return false;
    place.holds = known.holds;
    place.is_frame_pointer = known.is_frame_pointer;
    place.function = known.function;
    place.variable = known.variable;
    place.type = known.type;
    return true;
  }
  // `place` is what was found for frames [from, to).
  void note(unsigned reg, unsigned from, unsigned to, const FramePlace& place) {
    known_[reg] = {.from = from,
                   .to = to,
                   .holds = place.holds,
                   .is_frame_pointer = place.is_frame_pointer,
                   .function = place.function,
                   .variable = place.variable,
                   .type = place.type};
  }

 private:
  struct Known {
    unsigned from = 0, to = 0;
    FramePlace::Holds holds{};
    bool is_frame_pointer = false;
    const char* function = nullptr;
    const char* variable = nullptr;
    uniqtype* type = nullptr;
  };
  Known known_[elf::kRegisterCount] = {};
};

}  // namespace allocs::query
