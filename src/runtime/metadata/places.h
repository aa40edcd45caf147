// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "base/configuration.h"
#include "base/every_process.h"
#include "base/text.h"
#include "base/text_writer.h"
#include "types/image_path.h"

namespace allocs::metadata {

// Who may wait until missing metadata has been made.
enum class WaitPolicy : std::uint8_t {
  wait,        // the plain getters, up to two seconds an object
  background,  // it is made, but nobody waits: later queries find it
  never,       // what is there is used, nothing is made
};

// Where images are looked for, what makes them, and what users declared that goes into them. Variables are taken from the environment once, at the
// start, because the host may change its environment at any time; files are read when somebody first asks, because most processes
// end before.
class Places {
 public:
  constexpr Places() = default;

  // Memory that is never given back: zeroed, 16-aligned, or nullptr. From any thread.
  using Allocate = void* (*)(std::size_t size);

  // Who tells the path of the program in question: "" if there is none, nullptr if that cannot be told now. Asked when files are read. Before
  // read_environment(). Context: init.
  using TellProgram = const char* (*)(const void* context);
  void set_program(TellProgram tell, const void* context) {
    tell_program_ = tell;
    program_context_ = context;
  }

  // `environment` is a NULL-terminated vector of "NAME=value", which is copied. Context: init.
  void read_environment(const char* const* environment, Allocate allocate);

  // Has it been read? Context: signal.
  bool is_open() const { return allocate_.load(std::memory_order_acquire) != nullptr; }

  WaitPolicy policy() const { return policy_; }

  // Calls visit(directory) for each directory to look in, in order, until it returns true.
  template <typename Visit>
  [[ALLOCS_EVERY_PROCESS]] bool for_each_directory(Visit&& visit) const {
    const std::string_view path = value_of(path_variable_);
    for (std::size_t at = 0; at < path.size();) {
      const std::size_t end = std::min(path.find(':', at), path.size());
      const std::string_view directory = part_of(path, at, end - at);
      if (!directory.empty() && visit(directory)) return true;
      at = end + 1;
    }
    char user[kLongest];
    TextWriter cache(user, sizeof(user));
    types::put_user_cache(cache, value_of(xdg_cache_home_), value_of(home_));
    const bool has_user = cache.fits() && cache.length() != 0;
    return (has_user && visit(std::string_view(user, cache.length()))) || visit(kSystem);
  }

  // ConfigurationHash of all that users declared. Absent if files cannot be read now, for want of descriptors or memory.
  std::optional<std::uint64_t> configuration() const {
    const Declared* const all = declared();
    return all == nullptr ? std::nullopt : std::optional(all->configuration);
  }
  // Calls visit(path) for each place of a configuration file, whether there is one or not; the nearest first.
  template <typename Visit>
  void for_each_configuration_file(Visit&& visit) const {
    for_each_configuration_file(first_configuration(), visit);
  }
  // The first of these files was named by the user.
  bool is_first_named() const { return is_first_named_; }

  // For the tool that makes images: "NAME=value" texts, "" where the variable is not set.
  const char* home() const { return text_of(home_); }
  const char* xdg_cache_home() const { return text_of(xdg_cache_home_); }
  const char* search_path() const { return text_of(path_variable_); }
  const char* xdg_config_home() const { return text_of(xdg_config_home_); }
  const char* first_configuration() const {
    const Declared* const all = declared();
    return all == nullptr ? "" : all->first;
  }
  // Of kDeclaringVariables.
  const char* declaring_variable(std::size_t number) const { return text_of(declaring_[number]); }

 private:
  static constexpr std::string_view kSystem = types::kSystemImages;
  static constexpr std::size_t kLongest = 1024;  // longer paths are as good as none

  // What the files say. Made once, by whoever asks first; those who ask at the same time make the same. Not made if a file cannot be read for want
  // of something: then it is for who asks next.
  struct Declared {
    std::uint64_t configuration;
    char first[kLongest];  // "ALLOCS_CONFIG=path", or "" if there is no such file
  };

  static const char* text_of(const char* variable) { return variable == nullptr ? "" : variable; }
  static std::string_view value_of(const char* variable);

  template <typename Visit>
  [[ALLOCS_EVERY_PROCESS]] void for_each_configuration_file(const char* first,
                                                            Visit&& visit) const {
    if (first[0] != '\0') visit(first + kConfigurationVariable.size() + 1);
    char user[kLongest];
    TextWriter configuration(user, sizeof(user));
    put_user_configuration(configuration, value_of(xdg_config_home_), value_of(home_));
    if (configuration.fits() && configuration.length() != 0) visit(static_cast<const char*>(user));
    visit(kSystemConfiguration.data());
  }

  static const char* keep(const char* variable, Allocate allocate);
  static void put_configuration(TextWriter& out, const char* path, std::string_view suffix);
  bool find_first_configuration(Declared& declared) const;  // false: it cannot be told now
  const Declared* declared() const;

  // Set when the environment has been read; before that there is nothing to be known.
  std::atomic<Allocate> allocate_{nullptr};
  TellProgram tell_program_ = nullptr;
  const void* program_context_ = nullptr;
  WaitPolicy policy_ = WaitPolicy::wait;
  bool is_first_named_ = false;
  // "NAME=value"; nullptr: it is not set.
  const char* home_ = nullptr;
  const char* xdg_cache_home_ = nullptr;
  const char* path_variable_ = nullptr;
  const char* xdg_config_home_ = nullptr;
  const char* first_ = nullptr;  // what the user named, with its whole path
  const char* declaring_[std::size(kDeclaringVariables)] = {};
  mutable std::atomic<const Declared*> declared_{nullptr};
};

}  // namespace allocs::metadata
