// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/places.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runtime/metadata/mapped_file.h"

namespace allocs::metadata {

namespace {

// If `variable` is "NAME=...", keeps it in `kept` when it fits. Returns the value, or nullptr if it is another variable.
template <std::size_t N>
[[ALLOCS_EVERY_PROCESS]] const char* keep_if(const char* variable, std::string_view name,
                                             char (&kept)[N]) {
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

[[ALLOCS_EVERY_PROCESS]] void Places::read_environment(const char* const* environment,
                                                       const char* program) {
  const char* home = "";
  const char* xdg = "";
  const char* xdg_config = "";
  char policy_variable[64];
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const char first = **environment;
    if (first == 'H') {
      if (const char* value = keep_if(*environment, "HOME", home_)) home = value;
    } else if (first == 'X') {
      if (const char* value = keep_if(*environment, "XDG_CACHE_HOME", xdg_cache_home_)) xdg = value;
      if (const char* value = keep_if(*environment, "XDG_CONFIG_HOME", xdg_config_home_))
        xdg_config = value;
    } else if (first == 'L' && begins_with(*environment, "LIBALLOCS_")) {
      for (std::size_t i = 0; i < std::size(kDeclaringVariables); ++i) {
        const char* value = keep_if(*environment, kDeclaringVariables[i], declaring_[i]);
        if (value != nullptr && *value == '\0') declaring_[i][0] = '\0';
      }
    } else if (first == 'A') {
      if (const char* value = keep_if(*environment, kConfigurationVariable, first_))
        is_first_named_ = *value != '\0';
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
  TextWriter configuration(user_configuration_, sizeof(user_configuration_));
  put_user_configuration(configuration, xdg_config, home);
  if (!configuration.fits()) user_configuration_[0] = '\0';
  choose_first_configuration(program);

  ConfigurationHash hash;
  for_each_configuration_file([&] [[ALLOCS_EVERY_PROCESS]] (const char* path) {
    const auto file = map_file(path);
    if (!file) return;
    hash.add({reinterpret_cast<const char*>(file->bytes), file->size});
    unmap(*file);
  });
  for (const auto& variable : declaring_) hash.add(variable);
  configuration_ = hash.value();
}

// With the whole path, because the host may go to another directory before the tool is started.
[[ALLOCS_EVERY_PROCESS]] void Places::choose_first_configuration(const char* program) {
  char path[kLongest];
  TextWriter text(path, sizeof(path));
  text.put(kConfigurationVariable).put('=');
  if (is_first_named_) {
    const std::string_view named(first_ + kConfigurationVariable.size() + 1);
    char directory[kLongest] = {};
    if (named.front() != '/' && raw_syscall(SYS_getcwd, directory, sizeof(directory)).ok())
      text.put(directory).put('/');
    text.put(named);
  } else if (program != nullptr) {
    char target[kLongest];
    const auto length = raw_syscall(SYS_readlink, program, target, sizeof(target));
    const auto size = static_cast<std::size_t>(length.value);
    text.put(length.ok() ? std::string_view(target, size) : std::string_view(program));
    text.put(kConfigurationSuffix);
  }
  const bool is_there =
      is_first_named_ ||
      (program != nullptr && text.fits() &&
       raw_syscall(SYS_faccessat, AT_FDCWD, path + kConfigurationVariable.size() + 1, R_OK).ok());
  if (is_there && text.fits()) {
    std::memcpy(first_, path, text.length() + 1);
  } else {
    first_[0] = '\0';
    is_first_named_ = false;
  }
}

}  // namespace allocs::metadata
