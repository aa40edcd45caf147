// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/declared_functions.h"

namespace allocs::plugin {

using namespace clang;

namespace {

bool is_global_or_std(const FunctionDecl* function) {
  return function->getDeclContext()->getRedeclContext()->isTranslationUnit() ||
         function->isInStdNamespace();
}

}  // namespace

const declarations::Declaration* DeclaredFunctions::of(const FunctionDecl* function) {
  if (function == nullptr) return nullptr;
  const IdentifierInfo* const identifier = function->getIdentifier();
  const bool is_of_c = !function->getASTContext().getLangOpts().CPlusPlus || function->isExternC();
  if (identifier != nullptr && (is_of_c || is_global_or_std(function))) {
    llvm::StringRef name = identifier->getName();
    name.consume_front("__builtin_");
    const declarations::Declaration* const found = here_.all.find({name.data(), name.size()});
    if (found != nullptr && (is_of_c || !found->is_users)) return found;
  }
  if (is_of_c || !here_.all.has_users()) return nullptr;
  if (function->isDependentContext() || isa<CXXConstructorDecl, CXXDestructorDecl>(function))
    return nullptr;
  const declarations::Declaration* const found = here_.all.find(names_.getName(function));
  return found != nullptr && found->is_users ? found : nullptr;
}

}  // namespace allocs::plugin
