// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/allocators/state.h"
#include "types/image.h"

namespace allocs::self {

// How many images turned out to be damaged while they were used. An answer during which it grew is asked for again.
extern constinit std::atomic<std::uint32_t> g_damages ALLOCS_OWN;

// From now on the pages of `image`, whose sums are intact, are checked when they are first used; for want of memory all are checked now.
// False: it is not to be believed. Context: hook.
bool check_as_used(types::Image& image);

}  // namespace allocs::self
