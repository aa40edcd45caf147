// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/memo/dependencies.h"

namespace allocs::plugin {

// From now on `record` takes down which variables of the environment this program asks for, by getenv(). nullptr: none does.
// Single-threaded use.
void record_environment(memo::DependencyRecord* record);

}  // namespace allocs::plugin
