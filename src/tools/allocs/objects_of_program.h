// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace allocs::tool {

// As execvp() would find it; empty if there is none.
std::filesystem::path find_program(const std::string& name);

// The program (or, for a script, its interpreter) and the libraries that the dynamic linker would load with it, by asking the
// program's own dynamic linker. Only what can be found out; a static program is alone.
std::vector<std::filesystem::path> objects_of_program(const std::filesystem::path& program);

}  // namespace allocs::tool
