// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace allocs::toolsub {

// The file that a shell would run for `name`: itself if it has a slash, else the first executable of that name in PATH.
// Files that are this very program are passed over, so that a wrapper that is installed under the compiler's own name finds
// the compiler. Empty if there is none.
std::string find_program(std::string_view name);

// The file that this process runs; empty where /proc does not tell.
std::string own_program();

}  // namespace allocs::toolsub
