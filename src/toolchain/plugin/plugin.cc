// SPDX-License-Identifier: Apache-2.0
//
// liballocs_clang_plugin.so: tells of each allocating call what it allocates.
//
//     clang -g -fplugin=liballocs_clang_plugin.so ...      puts the types in the debug information
//     clang -fsyntax-only -fplugin=... -Xclang -plugin-arg-allocs -Xclang list=FILE ...
//                                                          writes them to FILE, for code that gcc makes
//
// Further arguments: tail-calls=keep leaves calls that end a function jumps, typed or not.
// The plugin never writes to the terminal, and unknown arguments are for other versions of it.
#include <clang/Frontend/FrontendPluginRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Passes/PassPlugin.h>

#include "toolchain/plugin/alloca_pass.h"
#include "toolchain/plugin/piece_pass.h"
#include "toolchain/plugin/site_pass.h"
#include "toolchain/plugin/unit_consumer.h"

namespace allocs::plugin {

namespace {

class PluginAction : public clang::PluginASTAction {
 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef) override {
    const auto placed = std::make_shared<PlacedMarks>();
    const auto confirmed = std::make_shared<ConfirmedMarks>();
    const auto here =
        std::make_shared<const declarations::DeclaredHere>(declarations::declared_here());
    compiler.getCodeGenOpts().PassBuilderCallbacks.push_back(
        [keeps = keeps_tail_calls_, placed, confirmed, here](llvm::PassBuilder& builder) {
          builder.registerPipelineStartEPCallback(
              [keeps, placed, confirmed, here](llvm::ModulePassManager& passes,
                                               llvm::OptimizationLevel) {
                passes.addPass(AllocaPass{{}, placed});
                passes.addPass(SitePass{{}, keeps, placed, confirmed});
                passes.addPass(PiecePass{{}, here});
              });
        });
    if (list_.empty()) return std::make_unique<UnitConsumer>(compiler, placed, confirmed);
    return std::make_unique<UnitConsumer>(
        compiler, [path = list_](const std::string& text) { write_site_list(path, text); });
  }

  bool ParseArgs(const clang::CompilerInstance&,
                 const std::vector<std::string>& arguments) override {
    for (llvm::StringRef argument : arguments) {
      if (argument.consume_front("list=")) list_ = argument.str();
      if (argument == "tail-calls=keep") keeps_tail_calls_ = true;
    }
    return true;
  }

  ActionType getActionType() override { return AddBeforeMainAction; }

 private:
  std::string list_;
  bool keeps_tail_calls_ = false;
};

const clang::FrontendPluginRegistry::Add<PluginAction> kAction{
    "allocs", "tell what each allocating call allocates"};

}  // namespace

}  // namespace allocs::plugin

// Also loadable with -fpass-plugin, where that is expected of a plugin; the pass comes with the action.
extern "C" LLVM_ATTRIBUTE_WEAK llvm::PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "allocs", "1", [](llvm::PassBuilder&) {}};
}
