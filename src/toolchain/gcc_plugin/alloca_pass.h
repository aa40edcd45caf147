// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/gcc_plugin/gcc.h"

namespace allocs::gcc_plugin {

// A pass over each function before any optimisation: code leaves a record of each block of alloca in its frame (types/alloca_record.h).
gimple_opt_pass* make_alloca_pass(gcc::context* context);

// Behind which pass of gcc it belongs: OpenMP has divided functions, and the graph of calls is made next.
inline constexpr char kBeforeAllocaPass[] = "ompexp";

}  // namespace allocs::gcc_plugin
