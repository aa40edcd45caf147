// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs what [--json] CORE|PID ADDRESS...`: what is at these addresses of a core file or of a running process. `status`: 0 if every
// address was told, 1 if some could not be, 2 if the target could not be read.
void add_what_command(CLI::App& app, int& status);

}  // namespace allocs::tool
