// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/reaching.h"

#include <optional>

namespace allocs::plugin {

using namespace clang;

namespace {

bool is_loop(const Stmt* statement) {
  return isa<ForStmt, WhileStmt, DoStmt, CXXForRangeStmt>(statement);
}

// Whether what is under `statement` is executed whenever it is.
bool executes_all(const Stmt* statement) {
  return isa<CompoundStmt, DeclStmt, ExprWithCleanups, ParenExpr, CastExpr, LabelStmt, SwitchCase>(
             statement) ||
         (isa<BinaryOperator>(statement) && !cast<BinaryOperator>(statement)->isLogicalOp()) ||
         isa<UnaryOperator>(statement) || isa<CallExpr>(statement);
}

// The block of statements around `at`. `is_guarded`: it may be executed without `at`.
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

// nullptr: the whole body.
bool is_inside(const FunctionBody& body, const Stmt* inner, const Stmt* outer) {
  for (; inner != nullptr; inner = body.parent(inner)) {
    if (inner == outer) return true;
  }
  return outer == nullptr;
}

// The outermost loop around `at` within `within` (nullptr: the whole body), or nullptr.
const Stmt* outermost_loop(const FunctionBody& body, const Stmt* at, const Stmt* within) {
  const Stmt* found = nullptr;
  for (; at != nullptr && at != within; at = body.parent(at)) {
    if (is_loop(at)) found = at;
  }
  return found;
}

// Of a whole assignment that is before the use: where the earlier ones are hidden.
const Stmt* scope_of(const FunctionBody& body, const Assignment* hiding) {
  bool is_guarded = false;
  return hiding == nullptr ? nullptr : compound_around(body, hiding->at, is_guarded);
}

bool hides(const Assignment& how, const Stmt* use, const FunctionBody& body) {
  return is_whole(how) && is_always_before(body, how, use);
}

// Whether who is where the jump leads comes to `here`, which is before the jump, without `hiding` (nullptr: at all) in between: to it, or into a loop around it.
bool comes_back(const FunctionBody& body, const Stmt* here, const Assignment* hiding) {
  const unsigned order = body.order(here);
  const Stmt* loop = outermost_loop(body, here, scope_of(body, hiding));
  return llvm::any_of(body.jumps, [&](const Jump& jump) {
    if (jump.from <= order) return false;
    if (jump.to <= order) return hiding == nullptr || jump.to > hiding->order;
    return loop != nullptr && is_inside(body, jump.label, loop) && !is_inside(body, jump.at, loop);
  });
}

// Whether a jump leads past the assignment, from before it or from around the statements in which it is, and on to the use.
bool is_left_out(const FunctionBody& body, const Assignment& how, const Stmt* use) {
  if (body.jumps.empty()) return false;
  const unsigned there = body.order(how.at);
  const unsigned here = body.order(use);
  const Stmt* around = scope_of(body, &how);
  const Stmt* loop = outermost_loop(body, use, around);
  std::optional<bool> is_come_back_to;
  return llvm::any_of(body.jumps, [&](const Jump& jump) {
    if (jump.to <= there) return false;
    const bool is_before =
        jump.from < there || (jump.from < here && is_inside(body, jump.at, how.at));
    const bool is_past =
        is_before || (is_inside(body, jump.label, around) && !is_inside(body, jump.at, around));
    if (!is_past || is_inside(body, jump.label, how.at)) return false;
    if (jump.to <= here || (loop != nullptr && is_inside(body, jump.label, loop))) return true;
    if (!is_come_back_to) is_come_back_to = comes_back(body, use, &how);
    return *is_come_back_to;
  });
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

bool names(const FunctionBody& body, const VarDecl* variable, const Stmt* within) {
  return llvm::any_of(body.uses(variable),
                      [&](const DeclRefExpr* use) { return is_inside(body, use, within); });
}

}  // namespace

bool is_whole(const Assignment& how) { return how.operation == BO_Assign || how.second != nullptr; }

bool is_always_before(const FunctionBody& body, const Assignment& how, const Stmt* use) {
  bool is_guarded = false;
  const Stmt* around = compound_around(body, how.at, is_guarded);
  return how.order <= body.order(use) && !is_guarded && is_inside(body, use, around) &&
         !is_left_out(body, how, use);
}

Reaching reaching(const FunctionBody& body, const VarDecl* variable, const Stmt* use) {
  const auto all = body.assignments(variable);
  // What is made of a use is assigned after it: `n = n + 1`.
  const auto is_behind = [&](const Assignment& how) {
    return how.order > body.order(use) || (isa<Expr>(how.at) && is_inside(body, use, how.at));
  };
  Reaching found;
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (is_behind(*at) || (found.hiding != nullptr && !at->is_lasting)) continue;
    found.values.push_back(&*at);
    if (found.hiding == nullptr && hides(*at, use, body)) found.hiding = &*at;
  }
  const Stmt* loop = outermost_loop(body, use, scope_of(body, found.hiding));
  const Stmt* any_loop = outermost_loop(body, use, nullptr);
  const bool jumps_back = comes_back(body, use, found.hiding);
  const bool ever_jumps_back = comes_back(body, use, nullptr);
  for (const Assignment& later : all) {
    if (!is_behind(later)) continue;
    const Stmt* back = later.is_lasting ? any_loop : loop;
    const bool is_in_loop = back != nullptr && is_inside(body, later.at, back);
    if (is_in_loop || (later.is_lasting ? ever_jumps_back : jumps_back))
      found.values.push_back(&later);
  }
  return found;
}

bool is_repeated(const FunctionBody& body, const Assignment& how, const Assignment* hiding) {
  return outermost_loop(body, how.at, scope_of(body, hiding)) != nullptr ||
         comes_back(body, how.at, hiding);
}

bool may_still_be(const FunctionBody& body, const VarDecl* variable, const Expr* given,
                  const Expr* use, const ASTContext& context) {
  if (is_inside(body, use, given) || !body.jumps.empty()) return true;
  const unsigned here = body.order(use);
  const Stmt* loop = outermost_loop(body, use, nullptr);
  const bool is_later = body.order(given) > here;
  if (is_later) {
    const bool comes_round = loop != nullptr && is_inside(body, given, loop);
    // `p = realloc(p, n)` is what p was.
    return comes_round || names(body, variable, given);
  }
  const auto all = body.assignments(variable);
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->order > here || at->value == nullptr || is_inside(body, use, at->at)) continue;
    if (at->value == given) return true;
    const bool is_plain = at->operation == BO_Assign && at->second == nullptr;
    const bool is_between = body.order(at->at) > body.order(given);
    if (is_plain && is_between && leads_elsewhere(at->value, context) && hides(*at, use, body))
      return false;
  }
  return true;
}

}  // namespace allocs::plugin
