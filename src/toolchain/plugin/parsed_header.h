// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/Frontend/CompilerInvocation.h>
#include <llvm/Support/VirtualFileSystem.h>

#include <optional>
#include <string>
#include <vector>

#include "toolchain/memo/dependencies.h"

namespace allocs::plugin {

// A source that is nowhere but here.
struct VirtualFile {
  std::string path;
  std::string content;
};

using FileSystem = llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem>;

// `below` and, before it, `files`.
FileSystem with_files(const FileSystem& below, const std::vector<VirtualFile>& files);

// What clang makes of `source`, C that includes one header and does nothing else, with the options of `command`: a precompiled header.
// `record` takes down what it is made of.
//
// Nothing, if a unit that includes the header once more would not be the same as without: if the header is not guarded against that, knows
// the unit's name, or counts; or if clang does not understand it.
std::optional<std::string> parse_header(const std::vector<const char*>& command,
                                        const VirtualFile& source, memo::DependencyRecord& record);

}  // namespace allocs::plugin
