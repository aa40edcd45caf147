// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

// Functions of the C library that return an address and are told a number, and hand out no memory of malloc's: they return what they were given, a mapping, or a text of
// the library's own.
namespace allocs::declarations {

inline constexpr std::string_view kNotAllocators[] = {
    "bsearch",        "lfind",     "lsearch",      "tfind",          "tsearch",   "mmap",
    "mremap",         "shmat",     "memcpy",       "memmove",        "memset",    "memchr",
    "memrchr",        "mempcpy",   "memccpy",      "memmem",         "rawmemchr", "fgets",
    "fgets_unlocked", "fgetws",    "inet_ntop",    "if_indextoname", "strerror",  "strerror_r",
    "strerror_l",     "strsignal", "gai_strerror", "hstrerror",      "setlocale", "nl_langinfo",
    "nl_langinfo_l"};

inline bool is_no_allocator(std::string_view name) {
  return std::ranges::find(kNotAllocators, name) != std::end(kNotAllocators);
}

}  // namespace allocs::declarations
