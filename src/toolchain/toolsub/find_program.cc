// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/find_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace allocs::toolsub {

namespace {

bool is_usable(const std::string& path) {
  struct stat file;
  struct stat self;
  if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode) ||
      ::access(path.c_str(), X_OK) != 0)
    return false;
  return ::stat("/proc/self/exe", &self) != 0 || file.st_dev != self.st_dev ||
         file.st_ino != self.st_ino;
}

}  // namespace

std::string find_program(std::string_view name) {
  if (name.empty()) return {};
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    return is_usable(path) ? path : std::string{};
  }
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "/usr/bin:/bin" : variable;
  for (;;) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    std::string path = std::string(folder.empty() ? "." : folder).append("/").append(name);
    if (is_usable(path)) return path;
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

std::string own_program() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string{} : path.string();
}

}  // namespace allocs::toolsub
