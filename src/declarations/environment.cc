// SPDX-License-Identifier: Apache-2.0
#include "declarations/environment.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/configuration.h"

namespace allocs::declarations {

namespace {

std::string environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? "" : value;
}

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

std::string user_configuration() {
  char path[4096];
  TextWriter text(path, sizeof path);
  put_user_configuration(text, environment("XDG_CONFIG_HOME"), environment("HOME"));
  return text.fits() ? path : "";
}

}  // namespace

DeclaredHere declared_here() {
  DeclaredHere here{Declarations::of_libraries(), 0};
  ConfigurationHash hash;
  const std::string named = environment(kConfigurationVariable);
  for (const std::string& path : {std::string(kSystemConfiguration), user_configuration(), named}) {
    if (path.empty()) continue;
    if (const auto text = content_of(path)) {
      here.all.add_file(path, *text);
      hash.add(*text);
    } else if (path == named) {
      here.all.add_missing(path);
    }
  }
  for (std::size_t i = 0; i < std::size(kDeclaringVariables); ++i) {
    const std::string value = environment(kDeclaringVariables[i]);
    here.all.add_variable(kDeclaringVariables[i], kVariableRoles[i], value);
    hash.add(value);
  }
  here.hash = hash.value();
  return here;
}

}  // namespace allocs::declarations
