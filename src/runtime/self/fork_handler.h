// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace allocs::self {

// Has the C library call `in_child` in each child that is forked through it; a raw fork or clone goes unnoticed. For each handler once: it stays. Context: query.
void call_in_forked_children(void (*in_child)());

}  // namespace allocs::self
