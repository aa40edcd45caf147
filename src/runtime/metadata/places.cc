// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/places.h"

#include <cstring>

namespace allocs::metadata {

namespace {

// If `variable` is "NAME=...", keeps it in `kept` when it fits. Returns the value, or nullptr if it is another variable.
template <std::size_t N>
const char* keep_if(const char* variable, std::string_view name, char (&kept)[N]) {
  const std::size_t length = std::strlen(variable);
  if (length <= name.size() || std::memcmp(variable, name.data(), name.size()) != 0 ||
      variable[name.size()] != '=') {
    return nullptr;
  }
  if (length >= N) return nullptr;
  std::memcpy(kept, variable, length + 1);
  return kept + name.size() + 1;
}

}  // namespace

void Places::read_environment(const char* const* environment) {
  const char* home = "";
  const char* xdg = "";
  char policy_variable[64];
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const char first = **environment;
    if (first == 'H') {
      if (const char* value = keep_if(*environment, "HOME", home_)) home = value;
    } else if (first == 'X') {
      if (const char* value = keep_if(*environment, "XDG_CACHE_HOME", xdg_cache_home_)) xdg = value;
    } else if (first == 'A') {
      if (const char* value = keep_if(*environment, "ALLOCS_META_PATH", path_variable_))
        path_ = value;
      if (const char* value = keep_if(*environment, "ALLOCS_META", policy_variable)) {
        const std::string_view word(value);
        policy_ = word == "never"        ? WaitPolicy::never
                  : word == "background" ? WaitPolicy::background
                                         : WaitPolicy::wait;
      }
    }
  }
  TextWriter cache(user_cache_, sizeof(user_cache_));
  types::put_user_cache(cache, xdg, home);
  if (!cache.fits()) user_cache_[0] = '\0';
}

}  // namespace allocs::metadata
