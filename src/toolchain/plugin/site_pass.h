// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/IR/PassManager.h>

#include <memory>

#include "toolchain/plugin/placed_marks.h"

namespace allocs::plugin {

// What a pass over intermediate code that runs before every optimisation does with the types that Conveyance put on calls: each
// becomes the discriminator of the call's line, and a typedef in the unit's debug information says which type that stands for.
// See types/site_id.h.
struct SitePass : llvm::PassInfoMixin<SitePass> {
  // False: a call that has a type is not made the last jump of its function, for then nothing on the stack tells of it.
  bool keeps_tail_calls = false;
  // Of this module.
  std::shared_ptr<const PlacedMarks> placed = nullptr;
  std::shared_ptr<const ConfirmedMarks> confirmed = nullptr;

  // NOLINTNEXTLINE(readability-identifier-naming): LLVM asks for this name.
  static bool isRequired() { return true; }
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager& analyses);
};

}  // namespace allocs::plugin
