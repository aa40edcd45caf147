// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace allocs::preload {

// The C library's own, or nothing when it has none.
void next_cxa_finalize(void* handle);

}  // namespace allocs::preload
