// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

// ELF executables and shared objects, each once, by canonical path, sorted.
namespace allocs::tool {

// What a running process has mapped to run from. Empty if the process is gone, or may not be looked at.
std::vector<std::filesystem::path> objects_of_process(pid_t pid);

// What lies in `directories`, at any depth. Links are not followed; what cannot be read is passed over.
std::vector<std::filesystem::path> objects_below(
    const std::vector<std::filesystem::path>& directories);

// The directories where a system has its programs and libraries.
std::vector<std::filesystem::path> system_directories();

}  // namespace allocs::tool
