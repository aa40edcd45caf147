// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace allocs::meta {

// A spelling of a type's or a function's name that is the same for every compiler: equal results mean the same name. It is for
// comparing, not for reading.
std::string comparable_spelling(std::string_view name);

}  // namespace allocs::meta
