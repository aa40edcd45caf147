// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "types/site_id.h"

namespace allocs::plugin {

// Code generation puts a type on calls of functions and through variables, but not through members (`pool->alloc(pool, n)`), nor on
// those that return no pointer (`posix_memalign(&p, 64, n)`). What such a call allocates goes to the pass by another road: in this list, by the place that the call has in the debug information.
struct PlacedMark {
  std::string
      function;  // linkage name; kInitialiserFunction: of the initialiser of a global variable
  std::string callee;  // likewise; empty: through a pointer; or kAllocaCallee
  unsigned line = 0;
  unsigned column = 0;
  std::string marker;  // the one typedef of that name has the type
};
// Of alloca, which is no call in the code.
inline constexpr char kAllocaCallee[] = "alloca";
// What clang calls the functions that initialise globals, with numbers behind it from the second on.
inline constexpr char kInitialiserFunction[] = "__cxx_global_var_init";
using PlacedMarks = std::vector<PlacedMark>;

// The typedefs of which all that the unit does with the block has said more, which was known only at the unit's end: what they are.
using ConfirmedMarks = std::map<std::string, types::SiteKind, std::less<>>;

}  // namespace allocs::plugin
