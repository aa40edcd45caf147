// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "meta/allocation_functions.h"
#include "meta/code_scan.h"
#include "meta/linkage.h"

namespace allocs::meta {

// Of the functions in `allocating`, by address, those that a call through a pointer may lead to, since their addresses are in data or taken by
// code. How to call them, each way once.
std::vector<AllocationFunction> handed_around(
    const std::map<std::uint64_t, AllocationFunction>& allocating, const Linkage& linkage,
    const CodeScan& scan);

}  // namespace allocs::meta
