// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>

#include <vector>

#include "toolchain/plugin/function_body.h"

// Which assignments to a variable count where it is used, as far as the order of the source and its jumps tell.
namespace allocs::plugin {

// Whether nothing is left of the value before.
bool is_whole(const Assignment& how);

// Whether the assignment, or one before it in the source, is made on each way to `use`, which is behind it: no condition guards it, and no jump leaves it out.
bool is_always_before(const FunctionBody& body, const Assignment& how, const clang::Stmt* use);

// The assignments whose value may be in a variable at a use of it.
struct Reaching {
  std::vector<const Assignment*> values;  // nearest first, then those that are behind the use
  const Assignment* hiding = nullptr;     // the one of them that hides all before it; nullptr: none
};
Reaching reaching(const FunctionBody& body, const clang::VarDecl* variable, const clang::Stmt* use);

// Whether it may be made several times, without `hiding` (nullptr: whatever there is) in between.
bool is_repeated(const FunctionBody& body, const Assignment& how, const Assignment* hiding);

// Whether a pointer to which `given` is assigned may lead there still, or again, at `use`. Not if it was made to lead into another place on each way, or `given` comes
// later.
bool may_still_be(const FunctionBody& body, const clang::VarDecl* variable,
                  const clang::Expr* given, const clang::Expr* use,
                  const clang::ASTContext& context);

}  // namespace allocs::plugin
