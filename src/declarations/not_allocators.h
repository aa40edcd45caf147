// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

// Functions of the C library that return an address and are told a number, and hand out no memory of malloc's: they return what they were given, or a mapping.
namespace allocs::declarations {

inline constexpr std::string_view kNotAllocators[] = {
    "bsearch", "lfind",  "lsearch", "tfind",   "tsearch", "mmap",    "mremap", "shmat",    "memcpy",
    "memmove", "memset", "memchr",  "memrchr", "mempcpy", "memccpy", "memmem", "rawmemchr"};

inline bool is_no_allocator(std::string_view name) {
  return std::ranges::find(kNotAllocators, name) != std::end(kNotAllocators);
}

}  // namespace allocs::declarations
