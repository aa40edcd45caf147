// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/allocator.h"
#include "runtime/allocators/pieces.h"
#include "runtime/self/self_process.h"

// What declared sub-allocators have handed out: runtime/index/piece_shadow.h has the table, and why what it says is not enough.
namespace allocs::self {

// `answer` is what lies at `at` as far as the built-in allocators know; if a piece lies in that, the piece. Context: as the query's.
void prefer_piece(const SelfProcess& process, Address at, query::Answer& answer);

// The piece directly in `parent` that contains `at`, or the first one that starts at or above `from`; or nothing there.
query::Answer piece_at(const SelfProcess& process, const query::Answer& parent, Address at);
query::Answer piece_from(const SelfProcess& process, const query::Answer& parent, Address from);

}  // namespace allocs::self
