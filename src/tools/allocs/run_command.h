// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs run [--] PROGRAM [ARGUMENT...]`: runs a program under liballocs_preload.so, with the metadata of its objects ready.
// Does not return when the program could be started; else `status` is 127 if it is not there, 126 if it cannot be run.
void add_run_command(CLI::App& app, int& status);

}  // namespace allocs::tool
