// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/raw_signal.h"

// The threads of this process, as the kernel lists them. Context: signal.
namespace allocs::self {

enum class TaskState : std::uint8_t {
  runs,  // or may: where the kernel does not tell
  gone,  // or ended, or ending: it will not run the program's code any more
};
// A worker of the kernel's in the process (io_uring) counts as gone.
TaskState state_of_task(int tid);
// Which signals it blocks; none where the kernel does not tell.
SignalMask blocked_signals_of_task(int tid);

// Calls visit(tid) for each, until it returns false. Those that come or go meanwhile may be missed. False: the kernel does not tell.
bool for_each_task(bool (*visit)(int tid, void* context), void* context);

}  // namespace allocs::self
