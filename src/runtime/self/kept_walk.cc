// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/kept_walk.h"

#include "runtime/self/known_objects.h"
#include "runtime/self/stopped_threads.h"

namespace allocs::self {

KeptWalk::Search& KeptWalk::search(const runt::StackMemory& memory, const StandingThread& thread,
                                   AddressRange passed_over, AddressRange where,
                                   bool may_ask_kernel) {
  const Key key{.thread_pointer = thread.thread_pointer,
                .pc = thread.registers.pc(),
                .sp = thread.registers.sp(),
                .passed_over = passed_over,
                .where = where,
                .objects = object_generation(),
                .stop = number_of_stop(),
                .may_ask_kernel = may_ask_kernel};
  if (search_ && key == key_ && memory == memory_ && rules_.are_lasting()) return *search_;
  key_ = key;
  memory_ = memory;
  rules_ = KnownRules(may_ask_kernel);
  return search_.emplace(Walk(memory_, rules_, thread.registers), thread.registers, passed_over,
                         where);
}

}  // namespace allocs::self
