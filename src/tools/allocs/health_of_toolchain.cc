// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "tools/allocs/health.h"
#include "tools/allocs/objects_of_program.h"
#include "tools/allocs/preload_library.h"

namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPlugin = "allocs/liballocs_clang_plugin.so";

}  // namespace

std::vector<Diagnosis> examine_toolchain() {
  std::error_code error;
  const fs::path tool = fs::read_symlink("/proc/self/exe", error);
  const fs::path wrapper = tool.parent_path() / "allocscc";
  Diagnosis result{.subject = "compilers", .health = Health::limited, .finding = {}, .advice = {}};
  if (!fs::exists(wrapper, error)) {
    result.finding =
        "allocscc is not beside this tool: programs cannot be compiled with types for void * "
        "blocks";
    result.advice = "build or install all of liballocs";
    return {result};
  }
  const fs::path plugin = find_preload_library().parent_path() / kPlugin;
  if (!fs::exists(plugin, error)) {
    result.finding = fmt::format(
        "{}, without its plugin: it compiles as the bare compiler does, with -g", wrapper.string());
    result.advice = "install LLVM's and clang's development files before building liballocs";
  } else if (find_program(ALLOCS_CLANG).empty()) {
    result.finding = fmt::format("{}: the clang that its plugin is for, {}, is not in PATH",
                                 wrapper.string(), ALLOCS_CLANG);
    result.advice = fmt::format("apt-get install {}", ALLOCS_CLANG);
  } else {
    result.health = Health::good;
    result.finding = fmt::format("{}, allocsc++, over {}", wrapper.string(),
                                 find_program(ALLOCS_CLANG).string());
  }
  return {result};
}

}  // namespace allocs::tool
