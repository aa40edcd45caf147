// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meta/code_paths.h"

namespace allocs::meta {

// Code is cut into stretches, each from one of `starts` (instructions, in order) to the next; control enters at starts alone. The numbers of the
// stretches, each behind those that lead to it, but for ways back (reverse postorder). `start_at`: of each instruction that is a start, its number.
std::vector<std::uint32_t> order_of_stretches(const CodePaths& paths,
                                              std::span<const std::size_t> starts,
                                              std::span<const std::uint32_t> start_at);

}  // namespace allocs::meta
