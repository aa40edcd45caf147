// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/address.h"

namespace allocs::self {

// What /tmp/perf-PID.map of this process tells of the code at `pc` (runt/perf_map.h): a text that stays, or nullptr. The file is believed if
// it belongs to this user or to root and was written since this process began; at most 64 MiB of it are read.
// Context: query, where the kernel may be asked.
const char* name_in_perf_map(Address pc);

}  // namespace allocs::self
