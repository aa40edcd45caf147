// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/ADT/IntrusiveRefCntPtr.h>
#include <llvm/Support/VirtualFileSystem.h>

#include "toolchain/memo/dependencies.h"

namespace allocs::plugin {

// The real file system; `record`, which must outlive it, takes down everything that is asked of it.
llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> recording_file_system(
    memo::DependencyRecord& record);

}  // namespace allocs::plugin
