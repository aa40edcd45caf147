// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs heap`: what the heap of a process or a core consists of, by type and allocation site.
void add_heap_command(CLI::App& app, int& status);

}  // namespace allocs::tool
