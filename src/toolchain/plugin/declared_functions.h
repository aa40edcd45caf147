// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/AST/Mangle.h>

#include "declarations/environment.h"

namespace allocs::plugin {

// What is declared of the functions of a unit.
class DeclaredFunctions {
 public:
  explicit DeclaredFunctions(clang::ASTContext& context)
      : names_(context), here_(declarations::declared_here()) {}

  // nullptr if nothing is. What is built in is of functions of C and of the standard library only.
  const declarations::Declaration* of(const clang::FunctionDecl* function);

 private:
  clang::ASTNameGenerator names_;
  declarations::DeclaredHere here_;
};

}  // namespace allocs::plugin
