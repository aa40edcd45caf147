// SPDX-License-Identifier: Apache-2.0
//
// Which variables clang reads, no interface tells: they are asked for here and there, by getenv(). A program's own function of that name is the
// one that all of its parts get, so they are all asked for below.
//
// PWD is left out. Its one use is to name the working directory, and what LLVM makes of it is in the memo's key; the value itself may be where
// ninja was started.
#include "toolchain/plugin/recorded_environment.h"

#include <unistd.h>

#include <cstring>
#include <string_view>

namespace allocs::plugin {

namespace {

constinit memo::DependencyRecord* g_record = nullptr;

char* value_of(std::string_view name) {
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    if (std::strncmp(*at, name.data(), name.size()) == 0 && (*at)[name.size()] == '=')
      return *at + name.size() + 1;
  }
  return nullptr;
}

}  // namespace

void record_environment(memo::DependencyRecord* record) { g_record = record; }

}  // namespace allocs::plugin

extern "C" char* getenv(const char* name) noexcept {
  using namespace allocs::plugin;
  if (g_record != nullptr && std::string_view(name) != "PWD") g_record->asked_for(name);
  return value_of(name);
}
