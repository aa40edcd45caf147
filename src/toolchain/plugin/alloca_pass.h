// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/IR/PassManager.h>

#include <memory>

#include "toolchain/plugin/placed_marks.h"

namespace allocs::plugin {

// Has code leave a record of each block of alloca in its frame: types/alloca_record.h. Before every optimisation, and before SitePass,
// which takes away the types that `placed` refers to.
struct AllocaPass : llvm::PassInfoMixin<AllocaPass> {
  // Of this module.
  std::shared_ptr<const PlacedMarks> placed = nullptr;

  // NOLINTNEXTLINE(readability-identifier-naming): LLVM asks for this name.
  static bool isRequired() { return true; }
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager& analyses);
};

}  // namespace allocs::plugin
