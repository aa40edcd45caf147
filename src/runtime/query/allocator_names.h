// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "runtime/query/answer.h"

namespace allocs::query {

// One row an allocator, in the order of `Allocator`: its public name, and how many allocations usually contain one of its.
struct AllocatorRow {
  const char* name;
  unsigned short depth;
};
inline constexpr AllocatorRow kAllocatorRows[] = {
    {"(none)", 0},
    {"mmap", 0},
    {"brk", 1},
    {"static-file", 1},
    {"static-segment", 2},
    {"static-section", 3},
    {"static", 4},
    {"tls-block", 1},
    {"tls-symbol", 2},
    {"auxv", 1},
    {"stack", 1},
    {"stackframe", 2},
    {"__default_lib_malloc", 2},
    {"__program_malloc", 1},
    {"ld.so malloc", 1},
    {"liballocs", 1},
    {"alloca", 3},
    {"(registered by the program)", 3},
};
static_assert(sizeof(kAllocatorRows) / sizeof(AllocatorRow) ==
              static_cast<std::size_t>(Allocator::count_));

constexpr const AllocatorRow& row_of(Allocator allocator) {
  return kAllocatorRows[static_cast<std::size_t>(allocator)];
}

}  // namespace allocs::query
