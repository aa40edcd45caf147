// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/late_bodies.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclCXX.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Sema/Sema.h>
#include <llvm/Support/SaveAndRestore.h>

#include <limits>
#include <utility>

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// Whether a compiler makes code of it only if something uses it, and reading its body later makes no difference to what comes
// before. Templates have a way of their own to be read late. A constructor's body and initialisers belong together, and clang
// reads these first. Whether a virtual function has a body in its class decides where clang takes the vtable to be.
bool counts_only_if_used(const FunctionDecl* function) {
  if (const auto* method = dyn_cast<CXXMethodDecl>(function); method && method->isVirtual())
    return false;
  return function->isInlined() && function->getTemplatedKind() == FunctionDecl::TK_NonTemplate &&
         !function->isDependentContext() && !isa<CXXConstructorDecl>(function) &&
         function->getFriendObjectKind() == Decl::FOK_None && !function->hasAttr<UsedAttr>() &&
         !function->hasAttr<ConstructorAttr>() && !function->hasAttr<DestructorAttr>() &&
         !function->hasAttr<GNUInlineAttr>() && function->getParentFunctionOrMethod() == nullptr;
}

}  // namespace

void read_late(CompilerInstance& compiler, FunctionDecl* function, llvm::ArrayRef<Token> tokens) {
  Sema& sema = compiler.getSema();
  LateParsedTemplate late;
  late.D = function;
  late.FPO = sema.getCurFPFeatures();
  late.Toks.append(tokens.begin(), tokens.end());
  function->setHasSkippedBody(false);
  sema.LateTemplateParser(sema.OpaqueParser, late);
}

void LateBodies::begin() {
  tokens_.reserve(std::size_t{1} << 16);
  compiler_.getPreprocessor().setTokenWatcher([this](const Token& token) { keep(token); });
}

void LateBodies::keep(const Token& token) {
  const bool may_name = token.isOneOf(tok::identifier, tok::kw_operator, tok::tilde);
  if (may_name) {
    const auto [at, is_new] =
        names_.try_emplace(token.getLocation().getRawEncoding(), tokens_.size());
    if (!is_new) at->second = kNone;
  }
  tokens_.push_back(token);
}

bool LateBodies::pass_over(Decl* declaration) {
  FunctionDecl* function = declaration->getAsFunction();
  if (is_at_end_ || function == nullptr || !counts_only_if_used(function)) return false;
  const SourceLocation location = function->getLocation();
  if (compiler_.getSourceManager().isInMainFile(location)) return false;
  const auto name = names_.find(location.getRawEncoding());
  if (name == names_.end() || name->second == kNone) return false;
  const std::uint32_t body = body_after(name->second);
  if (body == kNone) return false;
  passed_.push_back({function, body});
  return true;
}

// The brace that opens the body of the function whose name is at `name`; kNone if something stands before it that may hold braces
// of its own.
std::uint32_t LateBodies::body_after(std::uint32_t name) const {
  int depth = 0;
  for (std::uint32_t at = name; at < tokens_.size(); ++at) {
    switch (tokens_[at].getKind()) {
      case tok::l_paren:
        ++depth;
        break;
      case tok::r_paren:
        --depth;
        break;
      case tok::l_brace:
        return depth == 0 ? at : kNone;
      case tok::semi:
      case tok::colon:
      case tok::equal:
      case tok::kw_try:
      case tok::arrow:
        if (depth == 0 && at != name + 1) return kNone;
        break;
      default:
        break;
    }
  }
  return kNone;
}

// Behind the brace that closes the one at `open`; kNone if something stands between that only the parser can make.
std::uint32_t LateBodies::end_of_braces(std::uint32_t open) const {
  int depth = 0;
  for (std::uint32_t at = open; at < tokens_.size(); ++at) {
    if (tokens_[at].isAnnotation()) return kNone;
    if (tokens_[at].is(tok::l_brace)) ++depth;
    if (tokens_[at].is(tok::r_brace) && --depth == 0) return at + 1;
  }
  return kNone;
}

void LateBodies::read(const Passed& passed) {
  const std::uint32_t end = end_of_braces(passed.body);
  if (end == kNone) {
    DiagnosticsEngine& diagnostics = compiler_.getDiagnostics();
    diagnostics.Report(
        diagnostics.getCustomDiagID(DiagnosticsEngine::Error, "this body cannot be read late"));
    return;
  }
  read_late(compiler_, passed.function,
            llvm::ArrayRef(tokens_).slice(passed.body, end - passed.body));
}

std::vector<FunctionDecl*> LateBodies::read_used() {
  Sema& sema = compiler_.getSema();
  std::vector<FunctionDecl*> done;
  is_at_end_ = true;
  compiler_.getPreprocessor().setTokenWatcher(nullptr);
  if (sema.LateTemplateParser == nullptr || compiler_.getDiagnostics().hasErrorOccurred())
    return done;
  // Sema takes the unit's scope for closed; the parser still has it.
  llvm::SaveAndRestore unit_scope(sema.TUScope, sema.getCurScope());
  for (bool found = true; found;) {
    found = false;
    std::vector<Passed> unused;
    for (const Passed& passed : std::exchange(passed_, {})) {
      if (!passed.function->isUsed()) {
        unused.push_back(passed);
        continue;
      }
      read(passed);
      done.push_back(passed.function);
      found = true;
    }
    passed_ = std::move(unused);
    if (found) {
      sema.DefineUsedVTables();
      sema.PerformPendingInstantiations();
    }
  }
  return done;
}

}  // namespace allocs::plugin
