// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/address.h"

namespace allocs::tool {

// What /tmp/perf-PID.map, as process `pid` sees /tmp and its own number, tells of the code at `pc` (runt/perf_map.h). The file is believed
// if it belongs to the process's user or to root, nobody else may write it, and it was written since the process began.
std::optional<std::string> name_in_perf_map(int pid, Address pc);

}  // namespace allocs::tool
