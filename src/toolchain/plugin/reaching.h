// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>

#include <vector>

#include "toolchain/plugin/function_body.h"

// Which assignments to a variable count where it is used, as far as the order of the source tells.
namespace allocs::plugin {

// The block of statements around `at`. `is_guarded`: it may be executed without `at`.
const clang::Stmt* compound_around(const FunctionBody& body, const clang::Stmt* at,
                                   bool& is_guarded);
// nullptr: the whole body.
bool is_inside(const FunctionBody& body, const clang::Stmt* inner, const clang::Stmt* outer);
// The outermost loop around `at` within `within` (nullptr: the whole body), or nullptr.
const clang::Stmt* outermost_loop(const FunctionBody& body, const clang::Stmt* at,
                                  const clang::Stmt* within);
// Whether nothing is left of the value before.
bool is_whole(const Assignment& how);

// The assignments whose value may be in `variable` at `use`. `scope`: where the one is that hides the earlier ones, or nullptr.
std::vector<const Assignment*> reaching(const FunctionBody& body, const clang::VarDecl* variable,
                                        const clang::Stmt* use, const clang::Stmt*& scope);

// Whether a pointer to which `given` is assigned may lead there still, or again, at `use`. Not if it was made to lead into another place on each way, or `given` comes
// later.
bool may_still_be(const FunctionBody& body, const clang::VarDecl* variable,
                  const clang::Expr* given, const clang::Expr* use,
                  const clang::ASTContext& context);

}  // namespace allocs::plugin
