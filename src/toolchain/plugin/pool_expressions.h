// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/Expr.h>

#include "toolchain/plugin/function_body.h"

// What is asked of expressions that lead to pools and pieces, where a pool is recognised (pools.cc) and where its uses are seen (pool_uses.cc).
namespace allocs::plugin::pool_expressions {

using namespace clang;

inline bool is_null(const Expr* value, const ASTContext& context) {
  return value->IgnoreParenCasts()->isNullPointerConstant(const_cast<ASTContext&>(context),
                                                          Expr::NPC_ValueDependentIsNotNull) !=
         Expr::NPCK_NotNull;
}

inline const FieldDecl* field_of(const Stmt* expression) {
  const auto* member = dyn_cast<MemberExpr>(expression);
  return member == nullptr ? nullptr : dyn_cast<FieldDecl>(member->getMemberDecl());
}

inline llvm::StringRef name_of_callee(const CallExpr* call) {
  const FunctionDecl* callee = call->getDirectCallee();
  const bool is_named = callee != nullptr && callee->getIdentifier() != nullptr;
  return is_named ? callee->getName() : llvm::StringRef{};
}

inline bool frees(const CallExpr* call) {
  return name_of_callee(call).contains_insensitive("free");
}

// Where a value is returned, asked in a condition, or left.
inline bool is_end_of_way(const Stmt* above, const FunctionBody& body) {
  if (isa<CompoundStmt>(above)) return !isa_and_nonnull<StmtExpr>(body.parent(above));
  return isa<ReturnStmt, IfStmt, WhileStmt, DoStmt, ForStmt>(above);
}

}  // namespace allocs::plugin::pool_expressions
