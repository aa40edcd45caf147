// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace allocs::declarations {

// The text of libraries.allocs; the build makes the definition.
extern const std::string_view kLibraries;

}  // namespace allocs::declarations
