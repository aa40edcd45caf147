// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/configuration.h"
#include "types/image_path.h"

namespace allocs::metadata {

// Who may wait until missing metadata has been made.
enum class WaitPolicy : std::uint8_t {
  wait,        // the plain getters, up to two seconds an object
  background,  // it is made, but nobody waits: later queries find it
  never,       // what is there is used, nothing is made
};

// Where images are looked for, what makes them, and what users declared that goes into them: taken from the environment once, at the start, because the host may change its
// environment at any time.
class Places {
 public:
  constexpr Places() = default;

  // `environment` is a NULL-terminated vector of "NAME=value", `program` the path of the program in question, or a symbolic link to it;
  // nullptr if there is none. Reads the configuration files for their hash. Context: init.
  void read_environment(const char* const* environment, const char* program);

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

  // ConfigurationHash of all that users declared.
  std::uint64_t configuration() const { return configuration_; }
  // Calls visit(path) for each place of a configuration file, whether there is one or not; the nearest first.
  template <typename Visit>
  void for_each_configuration_file(Visit&& visit) const {
    if (first_[0] != '\0')
      visit(static_cast<const char*>(first_ + kConfigurationVariable.size() + 1));
    if (user_configuration_[0] != '\0') visit(static_cast<const char*>(user_configuration_));
    visit(kSystemConfiguration.data());
  }
  // The first of these files was named by the user.
  bool is_first_named() const { return is_first_named_; }

  // For the tool that makes images: "NAME=value" texts, "" where the variable is not set.
  const char* home() const { return home_; }
  const char* xdg_cache_home() const { return xdg_cache_home_; }
  const char* search_path() const { return path_variable_; }
  const char* xdg_config_home() const { return xdg_config_home_; }
  const char* first_configuration() const { return first_; }
  // Of kDeclaringVariables.
  const char* declaring_variable(std::size_t number) const { return declaring_[number]; }

 private:
  static constexpr std::string_view kSystem = types::kSystemImages;
  static constexpr std::size_t kLongest = 1024;  // longer values are as good as unset
  static constexpr std::size_t kLongestDeclaration = 4096;

  void choose_first_configuration(const char* program);

  WaitPolicy policy_ = WaitPolicy::wait;
  char user_cache_[kLongest] = {};
  char home_[kLongest] = {};
  char xdg_cache_home_[kLongest] = {};
  char path_variable_[kLongest] = {};
  const char* path_ = "";
  char xdg_config_home_[kLongest] = {};
  char first_[kLongest] = {};  // "ALLOCS_CONFIG=path"
  char user_configuration_[kLongest] = {};
  char declaring_[std::size(kDeclaringVariables)][kLongestDeclaration] = {};
  std::uint64_t configuration_ = 0;
  bool is_first_named_ = false;
};

}  // namespace allocs::metadata
