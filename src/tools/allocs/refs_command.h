// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace allocs::tool {

// `allocs refs`: what points at an allocation of a process or a core, and what keeps it from being forgotten.
void add_refs_command(CLI::App& app, int& status);

}  // namespace allocs::tool
