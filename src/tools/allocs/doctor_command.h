// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs doctor [--json]`: checks what can go wrong around liballocs, and says what to do. `status`: 0 no problem, 1 at least one.
void add_doctor_command(CLI::App& app, int& status);

}  // namespace allocs::tool
