// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "runt/unwind.h"
#include "runtime/query/callers_registers.h"

// Looks for the frame of one thread that contains an address, innermost frame first, and for the next address from where it stands.
//
// Who asks about many addresses of a stack of n frames, and walks from the innermost one for each, takes n * n steps. But addresses are mostly asked about in ascending
// order, as frames lie outwards. So a search goes on for an address that lies above all the frames that it has passed:
//
//     passed               stands here     not looked at yet
//     [f0) [f1) [f2)       [f3)            f4 f5 ...
//                          an address at or above the end of f2 is in f3, or further out, or in none
//
// For one that lies further in it takes one step back, if that is enough (arguments of f2 lie in f3's part of the stack), or begins again.
//
// It tells what was so when it came by. Who keeps one vouches for it that frames stay meanwhile: those of the asking thread are outside its call, the others stand still.
namespace allocs::query {

inline constexpr unsigned kMostFrames = 1 << 20;
inline constexpr AddressRange kAnywhere{Address{0}, Address{~std::uint64_t{0}}};

// `W`: runt::RegisterWalk, or what is like it.
template <typename W>
class FrameSearch {
 public:
  enum class Found : std::uint8_t { frame, nothing_there, end };

  // `walk` has not begun; `start` is where it will. Frames of code in `passed_over` are none. Where a thread runs on several stacks, `where` is the one that the addresses
  // lie on: frames elsewhere are passed.
  FrameSearch(const W& walk, const runt::Registers& start, AddressRange passed_over,
              AddressRange where)
      : here_{.walk = walk}, start_(start), passed_over_(passed_over), where_(where) {}

  // The frame from its lowest byte to its canonical frame address. "Nothing there" below the innermost one; the end, if frames cannot be told as far as that.
  Found find(Address at) {
    if (at < here_.passed) step_back();
    if (at < here_.passed) begin_again();
    if (here_.steps == 0) go_on();
    for (; here_.is_at_frame; go_on()) {
      if (at < frame().lowest()) return Found::nothing_there;
      if (at < frame().cfa) return Found::frame;
    }
    return Found::end;
  }
  // To the next frame outwards. False behind the last.
  bool next() {
    go_on();
    return here_.is_at_frame;
  }

  // Where it stands, if that is a frame. The frame that came before, further in on the same stack, has its arguments in this one's part of the stack; absent if there is none.
  const W& walk() const { return here_.walk; }
  const runt::Frame& frame() const { return *here_.walk.frame(); }
  const std::optional<runt::Frame>& callee() const { return here_.callee; }
  const std::optional<runt::Frame>& callee_of_callee() const { return here_.callee_of_callee; }
  // As it was at the callee, of which there is one.
  const W& walk_of_callee() {
    if (!before_) repeat();
    return before_->walk;
  }
  CallersRegisters& registers() { return registers_; }

 private:
  struct Position {
    W walk;
    std::optional<runt::Frame> callee{}, callee_of_callee{};
    Address passed{};  // where the highest of the passed frames ends
    unsigned steps = 0;
    bool is_at_frame = false;
  };

  void go_on() {
    std::optional<runt::Frame> callee;
    before_.reset();
    if (here_.is_at_frame) {
      before_ = here_;
      callee = here_.walk.frame();
      here_.passed = std::max(here_.passed, callee->cfa);
    }
    here_.is_at_frame = false;
    while (here_.steps < kMostFrames) {
      ++here_.steps;
      const auto frame = here_.walk.next();
      if (!frame) return;
      if (passed_over_.contains(frame->pc)) continue;
      if (where_.contains(frame->lowest())) {
        here_.is_at_frame = true;
        here_.callee_of_callee = callee ? here_.callee : std::nullopt;
        here_.callee = callee;
        return;
      }
      callee.reset();
      before_.reset();
    }
  }
  void step_back() {
    if (!before_) return;
    here_ = *before_;
    before_.reset();
  }
  void begin_again() {
    here_ = {.walk = here_.walk.from(start_)};
    before_.reset();
  }
  void repeat() {
    const unsigned steps = here_.steps;
    begin_again();
    while (here_.steps < steps) go_on();
  }

  Position here_;
  std::optional<Position> before_{};  // a frame further in
  runt::Registers start_;
  AddressRange passed_over_, where_;
  CallersRegisters registers_{};
};

}  // namespace allocs::query
