// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "allocs/uniqtype.h"

namespace allocs::self {

// The type of that canonical name or alias in the loaded objects, those whose metadata is there first. May load and make metadata.
// Context: query.
uniqtype* type_named(std::string_view name);

}  // namespace allocs::self
