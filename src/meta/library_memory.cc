// SPDX-License-Identifier: Apache-2.0
#include "meta/library_memory.h"

#include <algorithm>
#include <string_view>

namespace allocs::meta {

bool takes_text(const Callee& callee, int n) {
  constexpr struct {
    std::string_view name;
    unsigned arguments;  // bit n: argument n is text
  } kFunctions[] = {
      {"strlen", 1},     {"strnlen", 1},  {"strcpy", 3},     {"stpcpy", 3},    {"strncpy", 3},
      {"strcat", 3},     {"strncat", 3},  {"strcmp", 3},     {"strncmp", 3},   {"strcasecmp", 3},
      {"strchr", 1},     {"strrchr", 1},  {"strstr", 3},     {"strspn", 3},    {"strcspn", 3},
      {"strpbrk", 3},    {"strdup", 1},   {"strtol", 1},     {"strtoul", 1},   {"strtoll", 1},
      {"strtoull", 1},   {"strtod", 1},   {"atoi", 1},       {"atol", 1},      {"atoll", 1},
      {"sprintf", 3},    {"vsprintf", 3}, {"snprintf", 5},   {"vsnprintf", 5}, {"fgets", 1},
      {"fputs", 1},      {"puts", 1},     {"getcwd", 1},     {"realpath", 3},  {"readlink", 3},
      {"strerror_r", 2}, {"strftime", 5}, {"strncasecmp", 3}};
  std::string_view name = callee.name;
  if (callee.address != 0 || n < 0) return false;  // the program's own of that name
  constexpr std::string_view kChecked = "__", kEnd = "_chk";
  if (name.starts_with(kChecked) && name.ends_with(kEnd))
    name = name.substr(kChecked.size(), name.size() - kChecked.size() - kEnd.size());
  // snprintf and its like have two more numbers in front of the format when they are checked.
  const bool is_checked_format = name != callee.name && name.ends_with("printf");
  for (const auto& [known, arguments] : kFunctions) {
    if (name == known) return (is_checked_format ? n == 0 : (arguments >> n & 1) != 0);
  }
  return false;
}

bool copies_memory(const Callee& callee) {
  static constexpr std::string_view kFunctions[] = {"memcpy", "memmove", "mempcpy", "__memcpy_chk",
                                                    "__memmove_chk"};
  return callee.address == 0 && std::ranges::find(kFunctions, callee.name) != std::end(kFunctions);
}

bool takes_any_memory(const Callee& callee) {
  static constexpr std::string_view kFunctions[] = {
      "memset",  "memcmp",       "memchr",       "memrchr",    "bcopy",
      "bzero",   "bcmp",         "__memset_chk", "free",       "cfree",
      "realloc", "reallocarray", "read",         "write",      "pread",
      "pwrite",  "recv",         "send",         "__read_chk", "malloc_usable_size",
      "madvise"};
  return copies_memory(callee) || record_size_argument(callee) >= 0 ||
         (callee.address == 0 &&
          std::ranges::find(kFunctions, callee.name) != std::end(kFunctions));
}

int record_size_argument(const Callee& callee) {
  if (callee.address != 0) return -1;
  if (callee.name == "fread" || callee.name == "fwrite") return 1;
  return callee.name == "__fread_chk" ? 2 : -1;
}

}  // namespace allocs::meta
