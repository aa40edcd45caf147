// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/Basic/Diagnostic.h>
#include <clang/Basic/DiagnosticOptions.h>
#include <clang/Frontend/CompilerInstance.h>

namespace allocs::plugin {

// Says nothing, and only counts errors. Without warnings: `-w` on the command line comes too late for an engine that is there before it is read, and
// clang then builds the flow graph of each function to look for what it could warn of, a tenth of the work.
inline llvm::IntrusiveRefCntPtr<clang::DiagnosticsEngine> silent_diagnostics() {
  auto diagnostics = clang::CompilerInstance::createDiagnostics(new clang::DiagnosticOptions,
                                                                new clang::IgnoringDiagConsumer);
  diagnostics->setIgnoreAllWarnings(true);
  return diagnostics;
}

}  // namespace allocs::plugin
