// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/lifetime.h"
#include "runtime/self/self_process.h"

namespace allocs::preload {

// The whole of alloc_collect. Context: query.
int collect(const self::SelfProcess& process, alloc_collection& collection);

}  // namespace allocs::preload
