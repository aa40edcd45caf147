// SPDX-License-Identifier: Apache-2.0
//
// allocs-list-sites LIST CLANG [clang's options and a source file]
//
// Writes the site list of a source to the file LIST, as `CLANG -fsyntax-only -fplugin=liballocs_clang_plugin.so` does with
// list=LIST. It is not for people but for allocscc, beside every compilation by gcc. For an empty source clang with the plugin takes 33 ms of
// processor time, most of it to load and relocate its libraries; this program, which contains no more than a front end, 6.
// Of C++ it reads only what the unit uses (late_bodies.h), of C what can hold a site (passed_bodies.h).
//
// What a source has come to is remembered, and is not read again as long as nothing that it was made of changes (site_memo.h).
//
// CLANG is the path of the clang whose headers are used. Nothing is printed. Exit status: 0, or 1 if clang does not
// understand the source, and then there is no list.
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/Utils.h>
#include <clang/Lex/Preprocessor.h>
#include <llvm/Support/CrashRecoveryContext.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "toolchain/plugin/clock_watch.h"
#include "toolchain/plugin/recorded_environment.h"
#include "toolchain/plugin/recording_file_system.h"
#include "toolchain/plugin/shared_header.h"
#include "toolchain/plugin/silent_diagnostics.h"
#include "toolchain/plugin/site_memo.h"
#include "toolchain/plugin/unit_consumer.h"

namespace allocs::plugin {

namespace {

class ListSites : public clang::ASTFrontendAction {
 public:
  ListSites(std::string& list, memo::DependencyRecord& record) : list_(list), record_(record) {}

 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef) override {
    clang::Preprocessor& preprocessor = compiler.getPreprocessor();
    preprocessor.addPPCallbacks(std::make_unique<ClockWatch>(preprocessor, record_));
    return std::make_unique<UnitConsumer>(
        compiler, [&list = list_](std::string text) { list = std::move(text); });
  }

 private:
  std::string& list_;
  memo::DependencyRecord& record_;
};

// How much of a unit is read.
enum class Reading {
  // C: not the header that it begins with, if that is known, and no body that holds no site. C++: no body of a template or inline function in a header that nothing uses.
  what_is_needed,
  all,
};

using Command = std::vector<const char*>;

// One way to read a source. What is set, is also if clang crashes.
struct Attempt {
  Reading reading;
  bool is_partial = false;  // not all was to be read
  bool is_done = false;
  std::string list = {};
};

void list_sites(const Command& command, SharedHeader& header, Attempt& attempt,
                memo::DependencyRecord& record) {
  const auto diagnostics = silent_diagnostics();
  clang::CreateInvocationOptions options;
  options.Diags = diagnostics;
  options.VFS = recording_file_system(record);
  const std::shared_ptr<clang::CompilerInvocation> invocation =
      clang::createInvocation(command, options);
  if (invocation == nullptr) return;
  FileSystem files = options.VFS;
  if (attempt.reading == Reading::what_is_needed) {
    attempt.is_partial = true;
    if (invocation->getLangOpts().CPlusPlus) {
      invocation->getLangOpts().DelayedTemplateParsing = true;
      invocation->getFrontendOpts().SkipFunctionBodies = true;  // those that LateBodies chooses
    } else {
      // Directives of OpenMP become tokens that cannot be kept.
      const bool has_plain_tokens =
          !invocation->getLangOpts().ObjC && !invocation->getLangOpts().OpenMP;
      const bool begins_with_known = header.put_before(*invocation, files, record);
      invocation->getFrontendOpts().SkipFunctionBodies = has_plain_tokens;  // see PassedBodies
      attempt.is_partial = begins_with_known || has_plain_tokens;
    }
  }
  clang::CompilerInstance compiler;
  compiler.setInvocation(invocation);
  compiler.setDiagnostics(diagnostics.get());
  compiler.createFileManager(
      clang::createVFSFromCompilerInvocation(*invocation, *diagnostics, files));
  ListSites action(attempt.list, record);
  attempt.is_done = compiler.ExecuteAction(action) && !diagnostics->hasErrorOccurred();
}

// Bodies that are read late are read in another order than their author's. Where that does not go well, all is read in order.
memo::Outcome list_sites(const Command& command, SharedHeader& header,
                         memo::DependencyRecord& record) {
  Attempt attempt{.reading = Reading::what_is_needed};
  llvm::CrashRecoveryContext::Enable();
  const bool is_alive =
      llvm::CrashRecoveryContext().RunSafely([&] { list_sites(command, header, attempt, record); });
  llvm::CrashRecoveryContext::Disable();
  if (!is_alive) {
    record_environment(&record);
    record.give_up();
  }
  if (!attempt.is_done && attempt.is_partial) {
    attempt = Attempt{.reading = Reading::all};
    list_sites(command, header, attempt, record);
  }
  return {attempt.is_done, attempt.is_done ? std::move(attempt.list) : std::string{}};
}

memo::Outcome remembered_or_listed(const Command& command) {
  const SiteMemo memo(command);
  if (auto outcome = memo.recall()) return *outcome;
  SharedHeader header(command);
  memo::DependencyRecord record;
  record_environment(&record);
  memo::Outcome outcome = list_sites(command, header, record);
  record_environment(nullptr);
  memo.remember(outcome, record);
  return outcome;
}

}  // namespace

}  // namespace allocs::plugin

int main(int count, char** words) {
  using namespace allocs;
  if (count < 4) return 1;
  const memo::Outcome outcome = plugin::remembered_or_listed({words + 2, words + count});
  if (outcome.has_succeeded) plugin::write_site_list(words[1], outcome.text);
  ::_exit(outcome.has_succeeded ? 0 : 1);  // taking the syntax tree down would only cost time
}
