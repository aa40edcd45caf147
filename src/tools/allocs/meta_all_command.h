// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs meta all [PID | PROGRAM | DIRECTORY]... [--system] [--shared] [-j N] [-q]`: makes the images of many objects. Those that are
// there are kept, so it can be cut short and started again. `status`: 0, or 1 if some could not be made, 2 for wrong arguments.
void add_meta_all_command(CLI::App& group, int& status);

}  // namespace allocs::tool
