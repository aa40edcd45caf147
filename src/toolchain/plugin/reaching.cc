// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/reaching.h"

namespace allocs::plugin {

using namespace clang;

namespace {

bool is_loop(const Stmt* statement) {
  return isa<ForStmt, WhileStmt, DoStmt, CXXForRangeStmt>(statement);
}

// Whether what is under `statement` is executed whenever it is.
bool executes_all(const Stmt* statement) {
  return isa<CompoundStmt, DeclStmt, ExprWithCleanups, ParenExpr, CastExpr, LabelStmt>(statement) ||
         (isa<BinaryOperator>(statement) && !cast<BinaryOperator>(statement)->isLogicalOp()) ||
         isa<UnaryOperator>(statement) || isa<CallExpr>(statement);
}

bool hides(const Assignment& how, const Stmt* use, const FunctionBody& body) {
  bool is_guarded = false;
  const Stmt* around = compound_around(body, how.at, is_guarded);
  return !is_guarded && is_whole(how) && is_inside(body, use, around);
}

// An address that is made of another one, or none: `p + n`, `&p->member`, `p->array`, NULL.
bool leads_elsewhere(const Expr* value, const ASTContext& context) {
  value = value->IgnoreParenCasts();
  if (value->getType()->isArrayType()) return true;
  if (const auto* sum = dyn_cast<BinaryOperator>(value)) return sum->isAdditiveOp();
  if (const auto* operation = dyn_cast<UnaryOperator>(value))
    return operation->getOpcode() == UO_AddrOf;
  return value->isNullPointerConstant(const_cast<ASTContext&>(context),
                                      Expr::NPC_ValueDependentIsNotNull) != Expr::NPCK_NotNull;
}

// Jumps of which the order of the source does not tell.
bool has_jumps(const FunctionBody& body) {
  bool found = false;
  body.for_each([&](const Stmt* at) { found |= isa<LabelStmt, SwitchStmt, IndirectGotoStmt>(at); });
  return found;
}

bool names(const FunctionBody& body, const VarDecl* variable, const Stmt* within) {
  return llvm::any_of(body.uses(variable),
                      [&](const DeclRefExpr* use) { return is_inside(body, use, within); });
}

}  // namespace

const Stmt* compound_around(const FunctionBody& body, const Stmt* at, bool& is_guarded) {
  is_guarded = false;
  const Stmt* below = at;
  for (at = body.parent(at); at != nullptr; below = at, at = body.parent(at)) {
    if (isa<CompoundStmt>(at)) return at;
    // The condition of an if or the start of a for is executed whenever the statement is.
    const auto* branch = dyn_cast<IfStmt>(at);
    const auto* loop = dyn_cast<ForStmt>(at);
    const bool is_head = (branch != nullptr && branch->getCond() == below) ||
                         (loop != nullptr && loop->getInit() == below);
    if (!executes_all(at) && !is_head) is_guarded = true;
  }
  return nullptr;
}

bool is_inside(const FunctionBody& body, const Stmt* inner, const Stmt* outer) {
  for (; inner != nullptr; inner = body.parent(inner)) {
    if (inner == outer) return true;
  }
  return outer == nullptr;
}

const Stmt* outermost_loop(const FunctionBody& body, const Stmt* at, const Stmt* within) {
  const Stmt* found = nullptr;
  for (; at != nullptr && at != within; at = body.parent(at)) {
    if (is_loop(at)) found = at;
  }
  return found;
}

bool is_whole(const Assignment& how) { return how.operation == BO_Assign || how.second != nullptr; }

std::vector<const Assignment*> reaching(const FunctionBody& body, const VarDecl* variable,
                                        const Stmt* use, const Stmt*& scope) {
  const auto all = body.assignments(variable);
  const unsigned here = body.order(use);
  std::vector<const Assignment*> found;
  scope = nullptr;
  bool is_hidden = false;
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->order > here || (is_hidden && !at->is_lasting)) continue;
    found.push_back(&*at);
    if (is_hidden) continue;
    bool is_guarded = false;
    const Stmt* around = compound_around(body, at->at, is_guarded);
    const bool hides = !is_guarded && is_whole(*at) && is_inside(body, use, around);
    if (!hides) continue;
    scope = around;
    is_hidden = true;
  }
  const Stmt* loop = outermost_loop(body, use, scope);
  const Stmt* any_loop = outermost_loop(body, use, nullptr);
  for (const Assignment& later : all) {
    const Stmt* back = later.is_lasting ? any_loop : loop;
    if (later.order > here && back != nullptr && is_inside(body, later.at, back))
      found.push_back(&later);
  }
  return found;
}

bool may_still_be(const FunctionBody& body, const VarDecl* variable, const Expr* given,
                  const Expr* use, const ASTContext& context) {
  if (is_inside(body, use, given)) return true;
  const unsigned here = body.order(use);
  const Stmt* loop = outermost_loop(body, use, nullptr);
  const bool is_later = body.order(given) > here;
  if (is_later) {
    const bool comes_round = loop != nullptr && is_inside(body, given, loop);
    // `p = realloc(p, n)` is what p was.
    return comes_round || names(body, variable, given) || has_jumps(body);
  }
  const auto all = body.assignments(variable);
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->order > here || at->value == nullptr || is_inside(body, use, at->at)) continue;
    if (at->value == given) return true;
    const bool is_plain = at->operation == BO_Assign && at->second == nullptr;
    const bool is_between = body.order(at->at) > body.order(given);
    if (is_plain && is_between && leads_elsewhere(at->value, context) && hides(*at, use, body))
      return has_jumps(body);
  }
  return true;
}

}  // namespace allocs::plugin
