// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/text_writer.h"

// Where users declare functions that hand out memory (docs/formats/declarations.md), for those who read the declarations and for the run
// time, which must only know whether there are any and which.
namespace allocs {

// Of the files, the first: named by this variable, else beside the program, under its name with this behind it.
inline constexpr std::string_view kConfigurationVariable = "ALLOCS_CONFIG";
inline constexpr std::string_view kConfigurationSuffix = ".allocs";
// The last.
inline constexpr std::string_view kSystemConfiguration = "/etc/allocs/config";

// The one between: $XDG_CONFIG_HOME/allocs/config, else $HOME/.config/allocs/config; nothing is put when both are empty.
inline void put_user_configuration(TextWriter& out, std::string_view xdg_config_home,
                                   std::string_view home) {
  if (!xdg_config_home.empty() && xdg_config_home.front() == '/') {
    out.put(xdg_config_home).put("/allocs/config");
  } else if (!home.empty()) {
    out.put(home).put("/.config/allocs/config");
  }
}

// Variables that declare functions, nearer to the user than any file.
inline constexpr std::string_view kDeclaringVariables[] = {
    "LIBALLOCS_ALLOC_FNS", "LIBALLOCS_ALLOCSZ_FNS", "LIBALLOCS_FREE_FNS", "LIBALLOCS_SUBALLOC_FNS",
    "LIBALLOCS_SUBFREE_FNS"};

// Tells one set of declarations from another. Context: signal.
class ConfigurationHash {
 public:
  // All in the order in which they count; what is empty is as good as absent.
  constexpr void add(std::string_view text) {
    if (text.empty()) return;
    is_empty_ = false;
    hasher_.add(text);
  }
  // 0 if there is nothing.
  constexpr std::uint64_t value() const { return is_empty_ ? 0 : hasher_.finish().low; }

 private:
  Hasher hasher_;
  bool is_empty_ = true;
};

}  // namespace allocs
