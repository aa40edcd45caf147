// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/IR/PassManager.h>

#include <memory>

#include "declarations/environment.h"

namespace allocs::plugin {

// Has the sub-allocators that users declare tell of their pieces: declarations/piece_code.h. Before every optimisation.
struct PiecePass : llvm::PassInfoMixin<PiecePass> {
  std::shared_ptr<const declarations::DeclaredHere> here = nullptr;

  // NOLINTNEXTLINE(readability-identifier-naming): LLVM asks for this name.
  static bool isRequired() { return true; }
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager& analyses);
};

}  // namespace allocs::plugin
