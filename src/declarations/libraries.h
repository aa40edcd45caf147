// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace allocs::declarations {

// The texts of libraries.allocs and containers.allocs; the build makes the definitions.
extern const std::string_view kLibraries;
extern const std::string_view kContainers;

}  // namespace allocs::declarations
