// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/preload_library.h"

#include <cstdlib>
#include <string>

namespace allocs::tool {

namespace fs = std::filesystem;

namespace {

void prepend(const char* variable, const std::string& value, char separator) {
  const char* before = std::getenv(variable);
  const std::string after =
      before == nullptr || *before == '\0' ? value : value + separator + before;
  setenv(variable, after.c_str(), 1);
}

}  // namespace

fs::path find_preload_library() {
  std::error_code error;
  const fs::path tool = fs::read_symlink("/proc/self/exe", error);
  const fs::path lib = tool.parent_path().parent_path() / "lib";
  if (fs::exists(lib / kPreloadLibrary, error)) return lib / kPreloadLibrary;
  for (const auto& entry : fs::directory_iterator(lib, error)) {
    if (fs::exists(entry.path() / kPreloadLibrary, error)) return entry.path() / kPreloadLibrary;
  }
  return {};
}

bool preload(const fs::path& library) {
  const std::string path = library.string();
  if (path.find_first_of(" :;") == std::string::npos) {
    prepend("LD_PRELOAD", path, ' ');
    return true;
  }
  const std::string folder = library.parent_path().string();
  if (folder.find_first_of(":;") != std::string::npos) return false;
  prepend("LD_LIBRARY_PATH", folder, ':');
  prepend("LD_PRELOAD", kPreloadLibrary, ' ');
  return true;
}

}  // namespace allocs::tool
