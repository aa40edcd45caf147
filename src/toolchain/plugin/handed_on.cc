// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/handed_on.h"

namespace allocs::plugin {

using namespace clang;

namespace {

// The variable in `p + n`, `p - n` and `&p[n]`.
const VarDecl* variable_moved_in(const Expr* expression) {
  expression = expression->IgnoreParenCasts();
  if (const auto* sum = dyn_cast<BinaryOperator>(expression)) {
    return sum->isAdditiveOp() && sum->getLHS()->getType()->isPointerType()
               ? variable_named_by(sum->getLHS())
               : nullptr;
  }
  const auto* operation = dyn_cast<UnaryOperator>(expression);
  if (operation == nullptr || operation->getOpcode() != UO_AddrOf) return nullptr;
  const auto* element = dyn_cast<ArraySubscriptExpr>(operation->getSubExpr()->IgnoreParens());
  return element == nullptr ? nullptr : variable_named_by(element->getBase());
}

bool is_moved(const VarDecl* variable, const FunctionBody& body) {
  const auto assignments = body.assignments(variable);
  const bool is_added_to = llvm::any_of(assignments, [variable](const Assignment& how) {
    return how.second == nullptr &&
           (how.operation != BO_Assign ||
            (how.value != nullptr && variable_moved_in(how.value) == variable));
  });
  return is_added_to || llvm::any_of(body.uses(variable), [&](const DeclRefExpr* use) {
           const auto* operation = dyn_cast_or_null<UnaryOperator>(body.parent(use));
           return operation != nullptr && operation->isIncrementDecrementOp();
         });
}

}  // namespace

HandedOn handed_on(const Expr* value, const FunctionBody& body) {
  const VarDecl* variable = nullptr;
  for (const Stmt* at = value; at != nullptr && variable == nullptr; at = body.parent(at)) {
    variable = body.slot(at).variable;
    const Stmt* above = body.parent(at);
    if (variable != nullptr || above == nullptr) break;
    if (isa<ReturnStmt>(above)) return HandedOn::yes;
    const auto* operation = dyn_cast<BinaryOperator>(above);
    if (operation != nullptr && operation->getOpcode() == BO_Assign && operation->getRHS() == at) {
      variable = variable_named_by(operation->getLHS());
      break;
    }
    if (!isa<CastExpr, ParenExpr, FullExpr>(above)) return HandedOn::no;
  }
  if (variable == nullptr || !variable->isLocalVarDeclOrParm()) return HandedOn::no;
  HandedOn found = HandedOn::no;
  for (const ReturnStmt* one : body.returns) {
    const Expr* returned = one->getRetValue();
    if (returned == nullptr) continue;
    if (variable_moved_in(returned) == variable) return HandedOn::moved;
    if (variable_named_by(returned) == variable)
      found = is_moved(variable, body) ? HandedOn::moved : HandedOn::yes;
  }
  return found;
}

}  // namespace allocs::plugin
