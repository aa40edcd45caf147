// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "declarations/declarations.h"

namespace allocs::declarations {

// What is declared where a program is compiled: what is built in, the configuration files that this process's environment leads to
// (there is no program yet that one could lie beside), and its variables.
struct DeclaredHere {
  Declarations all;
  std::uint64_t hash = 0;  // of what users declare; 0: nothing
};
DeclaredHere declared_here();

}  // namespace allocs::declarations
