// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "types/image_path.h"

namespace allocs::metadata {

// Who may wait until missing metadata has been made.
enum class WaitPolicy : std::uint8_t {
  wait,        // the plain getters, up to two seconds an object
  background,  // it is made, but nobody waits: later queries find it
  never,       // what is there is used, nothing is made
};

// Where images are looked for, and what makes them: taken from the environment once, at the start, because the host may change its
// environment at any time.
class Places {
 public:
  constexpr Places() = default;

  // `environment` is a NULL-terminated vector of "NAME=value". Context: init.
  void read_environment(const char* const* environment);

  WaitPolicy policy() const { return policy_; }

  // Calls visit(directory) for each directory to look in, in order, until it returns true.
  template <typename Visit>
  bool for_each_directory(Visit&& visit) const {
    for (const char* at = path_; *at != '\0';) {
      const char* end = at;
      while (*end != '\0' && *end != ':') ++end;
      const std::string_view directory(at, static_cast<std::size_t>(end - at));
      if (!directory.empty() && visit(directory)) return true;
      at = *end == ':' ? end + 1 : end;
    }
    return (user_cache_[0] != '\0' && visit(std::string_view(user_cache_))) || visit(kSystem);
  }

  // For the tool that makes images: "NAME=value" texts, "" where the variable is not set.
  const char* home() const { return home_; }
  const char* xdg_cache_home() const { return xdg_cache_home_; }
  const char* search_path() const { return path_variable_; }

 private:
  static constexpr std::string_view kSystem = types::kSystemImages;
  static constexpr std::size_t kLongest = 1024;  // longer values are as good as unset

  WaitPolicy policy_ = WaitPolicy::wait;
  char user_cache_[kLongest] = {};
  char home_[kLongest] = {};
  char xdg_cache_home_[kLongest] = {};
  char path_variable_[kLongest] = {};
  const char* path_ = "";
};

}  // namespace allocs::metadata
