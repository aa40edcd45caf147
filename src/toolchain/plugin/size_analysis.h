// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>

#include "toolchain/plugin/declared_functions.h"
#include "toolchain/plugin/function_body.h"
#include "toolchain/plugin/size_facts.h"

namespace allocs::plugin {

// Takes sizes to pieces: products, sums, conditionals, local variables (what reaches the use, in source order), checked arithmetic,
// constants with names, and functions that compute sizes.
class SizeAnalysis {
 public:
  // All outlive this.
  SizeAnalysis(clang::ASTContext& context, FunctionBodies& bodies, DeclaredFunctions& declared)
      : context_(context), arithmetic_(context), bodies_(bodies), declared_(declared) {}

  const SizeArithmetic& arithmetic() const { return arithmetic_; }
  // Of an expression in `body`.
  SizeFacts facts_of(const clang::Expr* size, const FunctionBody& body);
  // What `facts`, in terms of the parameters of the function that `call` calls, are for this call.
  SizeFacts for_caller(const SizeFacts& facts, const clang::CallExpr* call,
                       const FunctionBody& caller);

 private:
  struct Frame;
  SizeFacts evaluate(const clang::Expr* size, const Frame& frame, int depth);
  SizeFacts evaluate_binary(const clang::BinaryOperator* operation, const Frame& frame, int depth);
  SizeFacts evaluate_name(const clang::DeclRefExpr* name, const Frame& frame, int depth);
  SizeFacts evaluate_variable(const clang::VarDecl* variable, const clang::Expr* use,
                              const Frame& frame, int depth);
  std::optional<SizeFacts> evaluate_declared(const clang::CallExpr* call, const Frame& frame,
                                             int depth);
  SizeFacts evaluate_call(const clang::CallExpr* call, const Frame& frame, int depth);
  bool is_never_reached(const clang::ReturnStmt* statement, const Frame& frame, int depth);
  std::optional<std::set<std::int64_t>> values_of(const clang::Expr* expression, const Frame& frame,
                                                  int depth);
  bool is_rounding(const clang::BinaryOperator* operation) const;
  SizeFacts offset_of(const clang::OffsetOfExpr* expression) const;

  clang::ASTContext& context_;
  SizeArithmetic arithmetic_;
  FunctionBodies& bodies_;
  DeclaredFunctions& declared_;
  unsigned steps_ = 0;
};

}  // namespace allocs::plugin
