// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/frame_search.h"

#include <gtest/gtest.h>

#include <vector>

namespace allocs::query {
namespace {

using Frames = std::vector<runt::Frame>;

// Gives frames from a list, and counts.
class ListedWalk {
 public:
  ListedWalk(const Frames& frames, std::size_t& steps) : frames_(&frames), steps_(&steps) {}
  ListedWalk from(const runt::Registers&) const { return {*frames_, *steps_}; }
  std::optional<runt::Frame> next() {
    ++*steps_;
    frame_ = next_ < frames_->size() ? std::optional((*frames_)[next_]) : std::nullopt;
    ++next_;
    return frame_;
  }
  const std::optional<runt::Frame>& frame() const { return frame_; }

 private:
  const Frames* frames_;
  std::size_t* steps_;
  std::size_t next_ = 0;
  std::optional<runt::Frame> frame_{};
};

constexpr std::uint64_t kStack = 0x10000, kFrame = 32;

runt::Frame frame_at(std::uint64_t sp, std::uint64_t pc = 0x1000) {
  return {.pc = Address{pc}, .sp = Address{sp}, .cfa = Address{sp + kFrame}};
}
Frames stack_of(std::size_t count) {
  Frames frames;
  for (std::size_t i = 0; i < count; ++i) frames.push_back(frame_at(kStack + i * kFrame));
  return frames;
}

class FrameSearchTest : public testing::Test {
 protected:
  FrameSearch<ListedWalk> search(const Frames& frames, AddressRange passed_over = {},
                                 AddressRange where = kAnywhere) {
    return {ListedWalk(frames, steps_), runt::Registers{}, passed_over, where};
  }
  // The stack pointer of the frame that was found, or what was said instead.
  static std::string found(FrameSearch<ListedWalk>& search, std::uint64_t at) {
    using Found = FrameSearch<ListedWalk>::Found;
    switch (search.find(Address{at})) {
      case Found::frame:
        return std::to_string((raw(search.frame().sp) - kStack) / kFrame) +
               (search.callee() ? " called by it " +
                                      std::to_string((raw(search.callee()->sp) - kStack) / kFrame)
                                : "");
      case Found::nothing_there:
        return "nothing";
      case Found::end:
        break;
    }
    return "end";
  }

  std::size_t steps_ = 0;
};

TEST_F(FrameSearchTest, QuestionsThatAscendTakeOneWalk) {
  const Frames frames = stack_of(1000);
  auto kept = search(frames);
  for (std::uint64_t at = kStack; at < kStack + 1000 * kFrame; at += 8) found(kept, at);
  EXPECT_EQ(found(kept, kStack + 1000 * kFrame), "end");
  EXPECT_EQ(steps_, 1001u);
}

TEST_F(FrameSearchTest, TheFrameBeforeIsOneStepBack) {
  const Frames frames = stack_of(1000);
  auto kept = search(frames);
  EXPECT_EQ(found(kept, kStack + 900 * kFrame), "900 called by it 899");
  EXPECT_EQ(found(kept, kStack + 899 * kFrame + 8), "899 called by it 898");
  EXPECT_EQ(found(kept, kStack + 900 * kFrame), "900 called by it 899");
  EXPECT_EQ(steps_, 902u);
}

TEST_F(FrameSearchTest, InAnyOrderItFindsWhatItWouldFindFromTheStart) {
  const Frames frames = stack_of(50);
  auto kept = search(frames);
  std::uint64_t at = 1;
  for (int i = 0; i < 2000; ++i) {
    at = at * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t where = kStack - kFrame + (at >> 33) % (53 * kFrame);
    auto fresh = search(frames);
    ASSERT_EQ(found(kept, where), found(fresh, where)) << "at " << where - kStack;
    const bool is_frame = kept.find(Address{where}) == FrameSearch<ListedWalk>::Found::frame;
    if (!is_frame || !kept.callee() || i % 3 != 0) continue;
    ASSERT_EQ(kept.walk_of_callee().frame()->sp, kept.callee()->sp);
  }
}

TEST_F(FrameSearchTest, FramesOfPassedOverCodeAreNone) {
  Frames frames = stack_of(4);
  frames[0].pc = frames[1].pc = Address{0x500};
  auto kept = search(frames, {Address{0x400}, Address{0x600}});
  EXPECT_EQ(found(kept, kStack + 3 * kFrame), "3 called by it 2");
  EXPECT_EQ(found(kept, kStack + 2 * kFrame), "2");
  EXPECT_EQ(found(kept, kStack + 1), "nothing");
}

TEST_F(FrameSearchTest, FramesOnAnotherStackArePassed) {
  Frames frames{frame_at(0x90000), frame_at(0x90000 + kFrame)};
  for (const runt::Frame& frame : stack_of(3)) frames.push_back(frame);
  const AddressRange ordinary{Address{kStack - 1000}, Address{kStack + 1000}};
  auto kept = search(frames, {}, ordinary);
  EXPECT_EQ(found(kept, kStack + kFrame), "1 called by it 0");
  EXPECT_EQ(found(kept, kStack), "0") << "what it called lies elsewhere";
  EXPECT_EQ(found(kept, kStack + 2 * kFrame), "2 called by it 1");
  EXPECT_EQ(found(kept, kStack + 3 * kFrame), "end");
}

// What runs on a signal's stack above the ordinary one, and then on that.
TEST_F(FrameSearchTest, StacksThatLieTheOtherWayRoundAreSearchedFromTheStart) {
  Frames frames{frame_at(0x90000)};
  for (const runt::Frame& frame : stack_of(3)) frames.push_back(frame);
  auto kept = search(frames);
  EXPECT_EQ(found(kept, 0x90000 + kFrame), "end");
  EXPECT_EQ(kept.find(Address{0x90008}), FrameSearch<ListedWalk>::Found::frame);
  EXPECT_EQ(raw(kept.frame().sp), 0x90000u);
}

}  // namespace
}  // namespace allocs::query
