// SPDX-License-Identifier: Apache-2.0
#include "base/export.h"
#include "runtime/allocators/operators.h"

// C++'s operators new and delete: one jump each, to whoever would have got the call without us. Their own malloc then comes
// by as any other; only the operators of a foreign allocator, which call no malloc, are recorded on the way.

using namespace allocs::allocators;

#define ALLOCS_FORWARD_OPERATOR(number, name)                                           \
  ALLOCS_EXPORT std::uint64_t name(std::uint64_t a, std::uint64_t b, std::uint64_t c) { \
    return g_operators.jump[number](a, b, c);                                           \
  }
extern "C" {
ALLOCS_NEW_OPERATORS(ALLOCS_FORWARD_OPERATOR)
ALLOCS_DELETE_OPERATORS(ALLOCS_FORWARD_OPERATOR)
}  // extern "C"
