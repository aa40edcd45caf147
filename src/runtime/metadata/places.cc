// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/environment.h"
#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runtime/metadata/mapped_file.h"

namespace allocs::metadata {

[[ALLOCS_EVERY_PROCESS]] std::string_view Places::value_of(const char* variable) {
  const std::string_view text(text_of(variable));
  return part_of(text, text.find('=') + 1);
}

// What is longer than any path or declaration is as good as unset.
[[ALLOCS_ONCE]] const char* Places::keep(const char* variable, Allocate allocate) {
  constexpr std::size_t kLongestVariable = 4096;
  const std::size_t size = std::strlen(variable) + 1;
  void* const kept = size > kLongestVariable ? nullptr : allocate(size);
  return kept == nullptr ? nullptr : static_cast<const char*>(std::memcpy(kept, variable, size));
}

// "ALLOCS_CONFIG=path", with the whole path, because the host may go to another directory before files are looked for.
void Places::put_configuration(TextWriter& out, const char* path, std::string_view suffix) {
  out.put(kConfigurationVariable).put('=');
  char directory[kLongest] = {};
  if (path[0] != '/' && raw_syscall(SYS_getcwd, directory, sizeof(directory)).ok())
    out.put(directory).put('/');
  out.put(path).put(suffix);
}

[[ALLOCS_ONCE]] void Places::read_environment(const char* const* environment, Allocate allocate) {
  const char* named = "";
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const char* const variable = *environment;
    if (variable[0] == 'H') {
      if (value_of_variable(variable, "HOME") != nullptr) home_ = keep(variable, allocate);
    } else if (variable[0] == 'X') {
      if (value_of_variable(variable, "XDG_CACHE_HOME") != nullptr)
        xdg_cache_home_ = keep(variable, allocate);
      if (value_of_variable(variable, "XDG_CONFIG_HOME") != nullptr)
        xdg_config_home_ = keep(variable, allocate);
    } else if (variable[0] == 'L' && begins_with(variable, "LIBALLOCS_")) {
      for (std::size_t i = 0; i < std::size(kDeclaringVariables); ++i) {
        const char* const value = value_of_variable(variable, kDeclaringVariables[i]);
        if (value != nullptr) declaring_[i] = *value == '\0' ? nullptr : keep(variable, allocate);
      }
    } else if (variable[0] == 'A') {
      if (const char* const path = value_of_variable(variable, kConfigurationVariable))
        named = path;
      if (value_of_variable(variable, "ALLOCS_META_PATH") != nullptr)
        path_variable_ = keep(variable, allocate);
      if (const char* const value = value_of_variable(variable, "ALLOCS_META")) {
        const std::string_view word(value);
        policy_ = word == "never"        ? WaitPolicy::never
                  : word == "background" ? WaitPolicy::background
                                         : WaitPolicy::wait;
      }
    }
  }
  if (named[0] != '\0') {
    char whole[kLongest];
    TextWriter text(whole, sizeof(whole));
    put_configuration(text, named, "");
    if (text.fits()) first_ = keep(whole, allocate);
    is_first_named_ = first_ != nullptr;
  }
  allocate_.store(allocate, std::memory_order_release);
}

// What the user named, or what lies beside the program.
[[ALLOCS_ONCE]] bool Places::find_first_configuration(Declared& declared) const {
  TextWriter text(declared.first, sizeof(declared.first));
  if (first_ != nullptr) {
    text.put(first_);
    return true;
  }
  const char* const program = tell_program_ == nullptr ? "" : tell_program_(program_context_);
  if (program == nullptr) return false;
  if (program[0] == '\0') return true;
  put_configuration(text, program, kConfigurationSuffix);
  struct stat unused;
  const char* const path = declared.first + kConfigurationVariable.size() + 1;
  if (!text.fits() || !raw_syscall(SYS_newfstatat, AT_FDCWD, path, &unused, 0).ok())
    declared.first[0] = '\0';
  return true;
}

[[ALLOCS_ONCE]] const Places::Declared* Places::declared() const {
  const Declared* known = declared_.load(std::memory_order_acquire);
  if (known != nullptr) return known;
  const Allocate allocate = allocate_.load(std::memory_order_acquire);
  const std::uint64_t failures = failures_for_want();
  auto* const made =
      allocate == nullptr ? nullptr : static_cast<Declared*>(allocate(sizeof(Declared)));
  if (made == nullptr || !find_first_configuration(*made)) return nullptr;
  ConfigurationHash hash;
  for_each_configuration_file(made->first, [&](const char* path) ALLOCS_EVERY_PROCESS_LAMBDA {
    const auto file = map_file(path);
    if (!file) return;
    hash.add({reinterpret_cast<const char*>(file->bytes), file->size});
    unmap(*file);
  });
  if (failures != failures_for_want()) return nullptr;
  for (const char* const variable : declaring_) hash.add(text_of(variable));
  made->configuration = hash.value();
  return declared_.compare_exchange_strong(known, made, std::memory_order_acq_rel) ? made : known;
}

}  // namespace allocs::metadata
