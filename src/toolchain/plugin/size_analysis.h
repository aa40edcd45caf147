// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>

#include "toolchain/plugin/declared_functions.h"
#include "toolchain/plugin/function_body.h"

namespace allocs::plugin {

// A part of a size that comes from a type.
struct SizeTerm {
  clang::QualType type;
  bool is_multiple = false;  // times something that is not 1
  bool is_negative = false;
  bool is_offset = false;  // offsetof(type, member): less than the type
  bool is_open = false;    // ... of an element of the array that ends the type
  llvm::SmallVector<clang::QualType, 0> others = {};  // it is sizeof of `type` or of one of these
};

// What a size is made of: a sum of terms, bytes, and parameters of the function in which it is computed.
struct SizeFacts {
  llvm::SmallVector<SizeTerm, 2> terms;  // in source order, one for each type and sign
  std::int64_t bytes = 0;                // that are counted without a type
  bool has_more = false;                 // ... and further ones, not known how many
  bool is_uncertain = false;             // on some ways it is made of something else
  bool is_perhaps_plain = false;         // ... of a constant
  std::uint64_t parameters = 0;          // bit i: depends on parameter i
  bool multiplies_parameters = false;    // ... which are factors, not addends
  bool has_lost_choice =
      false;  // something is in it that is made of a size of one of several types, but not by adding to it
  bool scales_parameters = false;  // what is made of a parameter is not the sum of it and a number
  bool has_floor =
      false;  // the terms stand in for small parameters: `n < sizeof(T) ? sizeof(T) : n`
  bool has_own_part = false;  // a summand that no parameter goes into and nothing is known of

  bool is_constant() const { return terms.empty() && !has_more && parameters == 0; }
  bool has_positive_term() const;
  // Whether a term is sizeof of one of several types.
  bool has_choice() const;
  // The same, but nothing is known of such a term.
  SizeFacts without_choice() const;
  // Of what has a floor: the parameters alone.
  SizeFacts without_floor() const;
};

// Takes sizes to pieces: products, sums, conditionals, local variables (what reaches the use, in source order), checked arithmetic,
// constants with names, and functions that compute sizes.
class SizeAnalysis {
 public:
  // All outlive this.
  SizeAnalysis(clang::ASTContext& context, FunctionBodies& bodies, DeclaredFunctions& declared)
      : context_(context), bodies_(bodies), declared_(declared) {}

  // Of an expression in `body`.
  SizeFacts facts_of(const clang::Expr* size, const FunctionBody& body);
  SizeFacts product(const SizeFacts& a, const SizeFacts& b) const;
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
  SizeFacts combine(clang::BinaryOperatorKind operation, const SizeFacts& a,
                    const SizeFacts& b) const;
  SizeFacts masked(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts difference(const SizeFacts& a, const SizeFacts& b) const;
  bool is_rounding(const clang::BinaryOperator* operation) const;
  SizeFacts sum(SizeFacts a, const SizeFacts& b, bool is_difference) const;
  SizeFacts padded(SizeFacts a) const;
  SizeFacts either(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts merged(const SizeFacts& a, const SizeFacts& b) const;
  std::optional<SizeFacts> one_of(const SizeFacts& a, const SizeFacts& b) const;
  void add_term(SizeFacts& facts, SizeTerm term) const;
  SizeFacts offset_of(const clang::OffsetOfExpr* expression) const;

  clang::ASTContext& context_;
  FunctionBodies& bodies_;
  DeclaredFunctions& declared_;
  unsigned steps_ = 0;
};

}  // namespace allocs::plugin
