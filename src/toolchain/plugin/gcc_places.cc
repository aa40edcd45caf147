// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/gcc_places.h"

#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Lexer.h>

// gcc has no table of rules for this. What it does follows from how its parsers build trees, and was read off its line tables:
//
//   - C's parser gives a call the place of the expression that names the function, and that of an expression in postfix notation is
//     its first token's; an expression in parentheses has its operator's place, if it has one.
//   - C++'s parser gives a call the place of the parenthesis, and the call of operator new the place of the token that it has read
//     last. An instance of a template is made from a tree, where `new` has the place of its first token.
//   - When an argument is made simple, it gets the place of the call around it. If the argument is nothing but a call, that call has it.
namespace allocs::plugin {

using namespace clang;

namespace {

// Of the function that is called.
SourceLocation place_in_c(const Expr* callee) {
  const Expr* at = callee->IgnoreImpCasts();
  for (;;) {
    if (const auto* member = dyn_cast<MemberExpr>(at)) {
      at = member->getBase()->IgnoreImpCasts();
    } else if (const auto* element = dyn_cast<ArraySubscriptExpr>(at)) {
      at = element->getLHS()->IgnoreImpCasts();
    } else if (const auto* call = dyn_cast<CallExpr>(at)) {
      at = call->getCallee()->IgnoreImpCasts();
    } else {
      break;
    }
  }
  const auto* parentheses = dyn_cast<ParenExpr>(at);
  if (parentheses == nullptr) return at->getBeginLoc();
  const Expr* inside = parentheses->getSubExpr()->IgnoreImpCasts();
  if (const auto* operation = dyn_cast<UnaryOperator>(inside)) {
    const bool is_function = isa<DeclRefExpr>(operation->getSubExpr()->IgnoreImpCasts()) &&
                             operation->getSubExpr()->IgnoreImpCasts()->getType()->isFunctionType();
    return is_function ? parentheses->getBeginLoc() : operation->getOperatorLoc();
  }
  if (const auto* choice = dyn_cast<ConditionalOperator>(inside)) return choice->getColonLoc();
  if (const auto* member = dyn_cast<MemberExpr>(inside)) return member->getOperatorLoc();
  if (isa<DeclRefExpr>(inside)) return parentheses->getBeginLoc();
  return inside->getBeginLoc();
}

// The parenthesis before the arguments.
SourceLocation place_in_cxx(const CallExpr* call, const ASTContext& context) {
  if (const auto* operation = dyn_cast<CXXOperatorCallExpr>(call)) {
    if (operation->getOperator() != OO_Call) return operation->getOperatorLoc();
  }
  const SourceLocation last = call->getRParenLoc();
  if (last.isInvalid() || last.isMacroID()) return last;  // both are in the macro
  const SourceManager& sources = context.getSourceManager();
  const SourceLocation callee_end =
      sources.getExpansionRange(call->getCallee()->getEndLoc()).getEnd();
  const SourceLocation behind = Lexer::findLocationAfterToken(
      callee_end, tok::l_paren, sources, context.getLangOpts(), /*SkipTrailingWhitespace=*/false);
  return behind.isValid() ? behind.getLocWithOffset(-1) : callee_end;
}

// The call of which this one is an argument as it is: what casts there may be lead back to its own type. nullptr if there is none.
const CallExpr* call_around(const CallExpr* call, const FunctionBody& body,
                            const ASTContext& context) {
  const Stmt* at = call;
  const Stmt* parent = body.parent(at);
  while (parent != nullptr && (isa<ParenExpr>(parent) || isa<CastExpr>(parent))) {
    at = parent;
    parent = body.parent(at);
  }
  const auto* around = dyn_cast_or_null<CallExpr>(parent);
  if (around == nullptr || around->getCallee() == at || isa<CXXOperatorCallExpr>(around))
    return nullptr;
  return context.hasSameType(cast<Expr>(at)->getType(), call->getType()) ? around : nullptr;
}

bool is_template_instance(const FunctionDecl* function) {
  for (const DeclContext* at = function; at != nullptr; at = at->getParent()) {
    const auto* around = dyn_cast<FunctionDecl>(at);
    if (around != nullptr && around->getTemplateInstantiationPattern() != nullptr) return true;
  }
  return false;
}

}  // namespace

SourceLocation gcc_place_of(const CallExpr* call, const FunctionBody& body,
                            const ASTContext& context) {
  while (const CallExpr* around = call_around(call, body, context)) call = around;
  return context.getLangOpts().CPlusPlus ? place_in_cxx(call, context)
                                         : place_in_c(call->getCallee());
}

SourceLocation gcc_place_of(const CXXNewExpr* expression, const FunctionBody& body,
                            const ASTContext&) {
  return is_template_instance(body.function()) ? expression->getBeginLoc()
                                               : expression->getEndLoc();
}

}  // namespace allocs::plugin
