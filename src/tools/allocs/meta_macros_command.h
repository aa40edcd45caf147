// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs meta macros`: what a C macro stands for in an object, and where it was defined. `status` gets the exit status.
void add_meta_macros_command(CLI::App& group, int& status);

}  // namespace allocs::tool
