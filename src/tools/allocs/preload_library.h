// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace allocs::tool {

inline constexpr const char* kPreloadLibrary = "liballocs_preload.so";

// <prefix>/bin/allocs -> <prefix>/lib/liballocs_preload.so, or one folder deeper on systems that divide lib by architecture; empty
// if it is in neither.
std::filesystem::path find_preload_library();

// Puts the library first in this process's LD_PRELOAD, for the programs that it becomes or starts. LD_PRELOAD separates paths by
// blanks and colons, so a folder with one in its name goes into LD_LIBRARY_PATH, which knows colons only. False: it cannot
// be said.
bool preload(const std::filesystem::path& library);

}  // namespace allocs::tool
