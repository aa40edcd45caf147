// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/every_process.h"
#include "base/text.h"

namespace allocs {

// The value of a variable of the environment, "NAME=value", if it has that name; else nullptr. Context: signal.
[[ALLOCS_EVERY_PROCESS]] constexpr const char* value_of_variable(const char* variable,
                                                                 std::string_view name) {
  if (!begins_with(variable, name) || variable[name.size()] != '=') return nullptr;
  return variable + name.size() + 1;
}

}  // namespace allocs
