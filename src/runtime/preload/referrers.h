// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/answer.h"
#include "runtime/self/self_process.h"

namespace allocs::preload {

// `answer` is a block of malloc without a type. Reads all writable memory for pointers to it. Context: query.
void set_type_by_referrers(const self::SelfProcess& process, query::Answer& answer);

}  // namespace allocs::preload
