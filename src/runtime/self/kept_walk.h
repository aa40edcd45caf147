// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runt/register_walk.h"
#include "runtime/query/frame_search.h"
#include "runtime/self/known_rules.h"
#include "runtime/self/self_process.h"

namespace allocs::self {

// A walk over the frames of one thread that is kept between the questions of one call, for calls that ask about many places of a stack: see FrameSearch. Who makes one makes it for that
// call, on its own stack. It is of the thread that was asked about last; asking about another begins again.
//
// What it has seen stays: the asker's frames are those outside its call, whatever the call's visitor does; a stopped thread stands until it is resumed, and a stop has a number. Objects
// may come and go, so the walk is of one set of them; and code that the program made may be told anew at any time, so it is not kept where such code was met. Only memory that is there for
// sure is walked over, so nothing is kept of stacks that are read through the kernel.
// Context: as SelfProcess's.
class KeptWalk {
 public:
  using Walk = runt::RegisterWalk<runt::StackMemory, KnownRules>;
  using Search = query::FrameSearch<Walk>;

  KeptWalk() = default;
  KeptWalk(const KeptWalk&) = delete;
  KeptWalk& operator=(const KeptWalk&) = delete;

  // Over the frames of `thread`, whose stack is `memory`, or the part of it in `where`; without those of the code in `passed_over`.
  Search& search(const runt::StackMemory& memory, const StandingThread& thread,
                 AddressRange passed_over, AddressRange where, bool may_ask_kernel);

 private:
  struct Key {
    Address thread_pointer{}, pc{}, sp{};
    AddressRange passed_over{}, where{};
    std::uint64_t objects = 0;
    std::uint32_t stop = 0;
    bool may_ask_kernel = false;
    bool operator==(const Key&) const = default;
  };

  Key key_;
  runt::StackMemory memory_{AddressRange{}};
  KnownRules rules_{false};
  std::optional<Search> search_{};
};

}  // namespace allocs::self
