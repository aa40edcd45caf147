// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/installation.h"

#include <filesystem>
#include <initializer_list>

#include "toolchain/toolsub/find_program.h"

// ALLOCS_LIBDIR is the installed library directory below the prefix, such as lib/x86_64-linux-gnu, given by the build; the
// build tree itself has lib.
namespace allocs::allocscc {

Installation find_installation() {
  namespace fs = std::filesystem;
  const fs::path prefix = fs::path(toolsub::own_program()).parent_path().parent_path();
  const auto library_file = [&](const char* name) {
    for (const char* folder : {"lib", ALLOCS_LIBDIR}) {
      std::error_code error;
      fs::path path = prefix / folder / name;
      if (fs::exists(path, error)) return path.string();
    }
    return std::string{};
  };
  return {library_file("allocs/liballocs_clang_plugin.so"),
          library_file("allocs/allocs-list-sites"),
          library_file("liballocs_link.a"),
          library_file("allocs/marker.o"),
          toolsub::find_program((prefix / "bin/allocs").string()),
          library_file("allocs")};
}

}  // namespace allocs::allocscc
