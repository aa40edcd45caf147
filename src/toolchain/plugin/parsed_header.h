// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/Frontend/CompilerInvocation.h>
#include <llvm/Support/VirtualFileSystem.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/memo/dependencies.h"

namespace allocs::plugin {

// A file that is nowhere but here. There is a 0 behind its content, which somebody else keeps.
struct VirtualFile {
  std::string path;
  std::string_view content;
};

using FileSystem = llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem>;

// `below` and, before it, `files`, whose content it goes on using.
FileSystem with_files(const FileSystem& below, const std::vector<VirtualFile>& files);

// What clang makes of `source`, C that includes one header and does nothing else, with the options of `command`: a precompiled header.
// `record` takes down what it is made of.
//
// Nothing, if a unit that includes the header once more would not be the same as without: if the header is not guarded against that, knows
// the unit's name, or counts; or if clang does not understand it.
std::optional<std::string> parse_header(const std::vector<const char*>& command,
                                        const VirtualFile& source, memo::DependencyRecord& record);

}  // namespace allocs::plugin
