// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// allocs frames TARGET
void add_frames_command(CLI::App& app, int& status);

}  // namespace allocs::tool
