// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/parsed_header.h"

#include <clang/AST/Attr.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/MultiplexConsumer.h>
#include <clang/Frontend/Utils.h>
#include <clang/Lex/HeaderSearch.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Serialization/ASTWriter.h>

#include <memory>
#include <utility>

#include "toolchain/plugin/clock_watch.h"
#include "toolchain/plugin/recording_file_system.h"
#include "toolchain/plugin/silent_diagnostics.h"

namespace allocs::plugin {

using namespace clang;

namespace {

// What is found out about the header while it is read.
struct Findings {
  OptionalFileEntryRef header;  // the first file that was included
  bool is_for_one_unit = false;
  bool is_guarded = false;
};

class HeaderWatch : public PPCallbacks {
 public:
  HeaderWatch(const Preprocessor& preprocessor, Findings& findings)
      : unit_(preprocessor.getIdentifierInfo("__BASE_FILE__")),
        counter_(preprocessor.getIdentifierInfo("__COUNTER__")),
        findings_(findings) {}

  void InclusionDirective(SourceLocation, const Token&, StringRef, bool, CharSourceRange,
                          OptionalFileEntryRef file, StringRef, StringRef, const Module*, bool,
                          SrcMgr::CharacteristicKind) override {
    if (!findings_.header) findings_.header = file;
  }
  void MacroExpands(const Token& name, const MacroDefinition&, SourceRange,
                    const MacroArgs*) override {
    const IdentifierInfo* macro = name.getIdentifierInfo();
    if (macro == unit_ || macro == counter_) findings_.is_for_one_unit = true;
  }

 private:
  const IdentifierInfo* unit_;
  const IdentifierInfo*
      counter_;  // where it stands is not in a precompiled header that is not validated
  Findings& findings_;
};

// Would it be passed over now, if it were included again?
bool is_guarded(Preprocessor& preprocessor, FileEntryRef header) {
  const HeaderFileInfo* info = preprocessor.getHeaderSearchInfo().getExistingFileInfo(header);
  if (info == nullptr) return false;
  if (info->isPragmaOnce) return true;
  const IdentifierInfo* guard = HeaderFileInfo(*info).getControllingMacro(nullptr);
  return guard != nullptr && preprocessor.isMacroDefined(guard);
}

// A unit that begins with a precompiled header is told at once only of those functions in it that count in any case. It is to be told of
// all that have bodies, as if it read the header itself.
class BodiesCount : public ASTConsumer {
 public:
  BodiesCount(Preprocessor& preprocessor, Findings& findings)
      : preprocessor_(preprocessor), findings_(findings) {}

  bool HandleTopLevelDecl(DeclGroupRef group) override {
    for (Decl* declaration : group) {
      auto* function = dyn_cast<FunctionDecl>(declaration);
      if (function != nullptr && function->doesThisDeclarationHaveABody())
        function->addAttr(UsedAttr::CreateImplicit(function->getASTContext()));
    }
    return true;
  }
  void HandleTranslationUnit(ASTContext&) override {
    findings_.is_guarded = findings_.header && is_guarded(preprocessor_, *findings_.header);
  }

 private:
  Preprocessor& preprocessor_;
  Findings& findings_;
};

class ParseHeader : public ASTFrontendAction {
 public:
  ParseHeader(std::shared_ptr<PCHBuffer> parsed, Findings& findings, memo::DependencyRecord& record)
      : parsed_(std::move(parsed)), findings_(findings), record_(record) {}

  TranslationUnitKind getTranslationUnitKind() override { return TU_Prefix; }

 protected:
  bool BeginSourceFileAction(CompilerInstance& compiler) override {
    compiler.getLangOpts().CompilingPCH = true;
    return true;
  }
  std::unique_ptr<ASTConsumer> CreateASTConsumer(CompilerInstance& compiler, StringRef) override {
    Preprocessor& preprocessor = compiler.getPreprocessor();
    preprocessor.addPPCallbacks(std::make_unique<ClockWatch>(preprocessor, record_));
    preprocessor.addPPCallbacks(std::make_unique<HeaderWatch>(preprocessor, findings_));
    std::vector<std::unique_ptr<ASTConsumer>> consumers;
    consumers.push_back(std::make_unique<BodiesCount>(preprocessor, findings_));
    consumers.push_back(
        std::make_unique<PCHGenerator>(preprocessor, compiler.getModuleCache(), "", "", parsed_,
                                       llvm::ArrayRef<std::shared_ptr<ModuleFileExtension>>{}));
    return std::make_unique<MultiplexConsumer>(std::move(consumers));
  }

 private:
  std::shared_ptr<PCHBuffer> parsed_;
  Findings& findings_;
  memo::DependencyRecord& record_;
};

}  // namespace

FileSystem with_files(const FileSystem& below, const std::vector<VirtualFile>& files) {
  const auto overlay = llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(below);
  const auto in_memory = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
  overlay->pushOverlay(in_memory);  // which then knows the working directory
  for (const VirtualFile& file : files)
    in_memory->addFile(file.path, 0, llvm::MemoryBuffer::getMemBuffer(file.content, file.path));
  return overlay;
}

std::optional<std::string> parse_header(const std::vector<const char*>& command,
                                        const VirtualFile& source, memo::DependencyRecord& record) {
  const auto diagnostics = silent_diagnostics();
  CreateInvocationOptions options;
  options.Diags = diagnostics;
  options.VFS = recording_file_system(record);
  const std::shared_ptr<CompilerInvocation> invocation = createInvocation(command, options);
  if (invocation == nullptr) return std::nullopt;
  invocation->getFrontendOpts().Inputs = {FrontendInputFile(source.path, Language::C)};
  CompilerInstance compiler;
  compiler.setInvocation(invocation);
  compiler.setDiagnostics(diagnostics.get());
  compiler.createFileManager(createVFSFromCompilerInvocation(*invocation, *diagnostics,
                                                             with_files(options.VFS, {source})));
  const auto parsed = std::make_shared<PCHBuffer>();
  Findings findings;
  ParseHeader action(parsed, findings, record);
  const bool is_done = compiler.ExecuteAction(action) && !diagnostics->hasErrorOccurred();
  if (!is_done || !parsed->IsComplete || findings.is_for_one_unit || !findings.is_guarded)
    return std::nullopt;
  return std::string(parsed->Data.data(), parsed->Data.size());
}

}  // namespace allocs::plugin
