// SPDX-License-Identifier: Apache-2.0
//
// allocs-list-sites LIST CLANG [clang's options and a source file]
//
// Writes the site list of a source to the file LIST, as `CLANG -fsyntax-only -fplugin=liballocs_clang_plugin.so` does with
// list=LIST. It is not for people but for allocscc, beside every compilation by gcc. For an empty source clang with the plugin takes 33 ms of
// processor time, most of it to load and relocate its libraries; this program, which contains no more than a front end, 6.
// Of C++ it reads only what the unit uses (late_bodies.h).
//
// CLANG is the path of the clang whose headers are used. Nothing is printed. Exit status: 0, or 1 if clang does not
// understand the source, and then there is no list.
#include <clang/Basic/Diagnostic.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/Utils.h>
#include <llvm/Support/CrashRecoveryContext.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "toolchain/plugin/unit_consumer.h"

namespace allocs::plugin {

namespace {

class ListSites : public clang::ASTFrontendAction {
 public:
  explicit ListSites(std::string list) : list_(std::move(list)) {}

 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef) override {
    return std::make_unique<UnitConsumer>(compiler, list_, nullptr);
  }

 private:
  std::string list_;
};

// How much of a C++ unit is read.
enum class Reading {
  what_is_used,  // no body of a template or inline function in a header that nothing uses
  all,
};

enum class Outcome { done, failed, failed_in_part };  // the last: and not all was to be read

// `outcome` is set also if clang crashes.
void list_sites(const std::string& list, const std::vector<const char*>& command, Reading reading,
                Outcome& outcome) {
  outcome = Outcome::failed;
  const auto diagnostics = clang::CompilerInstance::createDiagnostics(
      new clang::DiagnosticOptions, new clang::IgnoringDiagConsumer);
  clang::CreateInvocationOptions options;
  options.Diags = diagnostics;
  const std::shared_ptr<clang::CompilerInvocation> invocation =
      clang::createInvocation(command, options);
  if (invocation == nullptr) return;
  if (reading == Reading::what_is_used && invocation->getLangOpts().CPlusPlus) {
    invocation->getLangOpts().DelayedTemplateParsing = true;
    invocation->getFrontendOpts().SkipFunctionBodies = true;  // those that LateBodies chooses
    outcome = Outcome::failed_in_part;
  }
  clang::CompilerInstance compiler;
  compiler.setInvocation(invocation);
  compiler.setDiagnostics(diagnostics.get());
  ListSites action(list);
  if (compiler.ExecuteAction(action) && !diagnostics->hasErrorOccurred()) outcome = Outcome::done;
}

// Bodies that are read late are read in another order than their author's. Where that does not go well, all is read in order.
bool list_sites(const std::string& list, const std::vector<const char*>& command) {
  Outcome outcome = Outcome::failed;
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext().RunSafely(
      [&] { list_sites(list, command, Reading::what_is_used, outcome); });
  llvm::CrashRecoveryContext::Disable();
  if (outcome == Outcome::failed_in_part) list_sites(list, command, Reading::all, outcome);
  return outcome == Outcome::done;
}

}  // namespace

}  // namespace allocs::plugin

int main(int count, char** words) {
  if (count < 4) return 1;
  const bool done = allocs::plugin::list_sites(words[1], {words + 2, words + count});
  ::_exit(done ? 0 : 1);  // taking the syntax tree down would only cost time
}
