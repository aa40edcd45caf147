// SPDX-License-Identifier: Apache-2.0
//
// Whose pieces are in the block?
//
//     static void *take(struct pool *s, size_t n) {
//       if (!s->left) { s->left = 100; s->next = xmalloc(100 * n); }
//       void *piece = s->next;
//       s->left--;
//       s->next = (char *)s->next + n;
//       return piece;
//     }
//     struct item *i = take(&items, sizeof *i);         the block is item[]
//
// Nothing receives the block but a member, and its size is no caller's. Yet it consists of what the callers ask for if
//
// - it is a constant number of times as large as the parameter says, which nothing changes;
// - all that the function returns comes out of that member or of local variables, and all that these are ever given is the block, null, or one of them some times the parameter
//   further on: so pieces begin at multiples;
// - the function puts nothing there itself, looks at nothing there, and tells nobody of it but who sets or frees memory: there is no head. It may keep addresses of blocks in a list;
// - nobody else in the file gives the members a value but null, reads them or the list but to free, copies the structure, or takes it for something else; and nobody outside
//   can, because the structure is described in this source file.
//
// Then each piece is in a block that was asked for on behalf of the same pool. Its pieces are of one type if all calls of the function, which are in this file since it is static and
// nobody takes its address, ask for one type, and no pointer that receives a piece is to another; or if each type has its own pools: the variables and members that the calls name. Where they name pointers, nothing
// in the file says that two of these never lead to one pool, and it is plausible only.
#include "toolchain/plugin/pools.h"

#include <clang/AST/Expr.h>
#include <clang/Basic/SourceManager.h>

#include "toolchain/plugin/pool_expressions.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;
using namespace pool_expressions;

namespace {

constexpr int kDeepest = 40;

// Sizes in terms of one parameter.
class Multiples {
 public:
  Multiples(const ParmVarDecl* unit, const FunctionBody& body, const ASTContext& context)
      : unit_(unit), body_(body), context_(context) {}

  // `unit`, a constant number of times, perhaps by way of a local variable.
  bool is_constant_number(const Expr* size) const { return is_multiple(size, true, 0); }
  // ... any number of times
  bool is_any_number(const Expr* size) const { return is_multiple(size, false, 0); }
  bool is_constant(const Expr* number) const {
    Expr::EvalResult result;
    return number->EvaluateAsInt(result, context_) && result.Val.getInt().isStrictlyPositive();
  }

 private:
  bool is_multiple(const Expr* size, bool by_constant, int depth) const {
    if (depth > kDeepest || !size->getType()->isIntegerType()) return false;
    if (context_.getTypeSize(size->getType()) < context_.getTypeSize(unit_->getType()))
      return false;
    const auto again = [&](const Expr* part) { return is_multiple(part, by_constant, depth + 1); };
    if (const auto* parentheses = dyn_cast<ParenExpr>(size))
      return again(parentheses->getSubExpr());
    if (const auto* cast = dyn_cast<CastExpr>(size)) return again(cast->getSubExpr());
    if (const auto* operation = dyn_cast<BinaryOperator>(size)) {
      const Expr* const left = operation->getLHS();
      const Expr* const right = operation->getRHS();
      if (operation->getOpcode() == BO_Shl) return again(left) && is_constant(right);
      if (operation->getOpcode() != BO_Mul) return false;
      return (again(left) && (!by_constant || is_constant(right))) ||
             (again(right) && (!by_constant || is_constant(left)));
    }
    const auto* name = dyn_cast<DeclRefExpr>(size);
    if (name == nullptr) return false;
    if (name->getDecl() == unit_) return true;
    const auto* variable = dyn_cast<VarDecl>(name->getDecl());
    const bool is_local = variable != nullptr && variable->hasLocalStorage() &&
                          !isa<ParmVarDecl>(variable) && variable->hasInit();
    if (!is_local || body_.assignments(variable).size() != 1) return false;
    return again(variable->getInit());
  }

  const ParmVarDecl* unit_;
  const FunctionBody& body_;
  const ASTContext& context_;
};

// Follows the block from the call that asks for it through the function.
class PoolReader {
 public:
  PoolReader(const CallExpr* call, const FunctionBody& body, const ParmVarDecl* unit,
             const ASTContext& context)
      : call_(call), body_(body), unit_(unit), context_(context), multiples_(unit, body, context) {}

  std::optional<Pool> read() {
    if (!asks_for_pieces() || !body_.assignments(unit_).empty()) return std::nullopt;
    follow(call_);
    while (!open_.empty() && !has_failed_) {
      const Expr* next = open_.back();
      open_.pop_back();
      follow(next);
    }
    if (has_failed_ || state_ == nullptr || !stays(state_)) return std::nullopt;
    if (!are_all_given_pieces() || !returns_pieces()) return std::nullopt;
    pool_.function = body_.function();
    pool_.call = call_;
    pool_.size = unit_->getFunctionScopeIndex();
    pool_.state = state_->getFunctionScopeIndex();
    pool_.record = state_->getType()->getPointeeType()->getAsRecordDecl();
    return pool_;
  }

 private:
  // `get(100 * n)`, `get(100, n)`: all other numbers are constants.
  bool asks_for_pieces() const {
    int multiples = 0;
    for (const Expr* argument : call_->arguments()) {
      if (!argument->getType()->isIntegerType()) continue;
      if (multiples_.is_constant_number(argument)) {
        ++multiples;
      } else if (!multiples_.is_constant(argument)) {
        return false;
      }
    }
    return multiples == 1 && is_raw_pointer(call_->getType());
  }

  // Where a value goes that is the block's address, or that of a piece.
  void follow(const Stmt* at) {
    for (int step = 0; step < kMostSteps && !has_failed_; ++step) {
      if (const VarDecl* variable = body_.slot(at).variable) return keep(variable);
      const Stmt* above = body_.parent(at);
      if (above == nullptr) return fail();
      if (!passes_on(above, at)) return;
      at = above;
    }
    fail();
  }

  // Whether the value of `above` is one, too.
  bool passes_on(const Stmt* above, const Stmt* at) {
    if (isa<ParenExpr, FullExpr>(above)) return true;
    if (const auto* cast = dyn_cast<CastExpr>(above)) return passes_through(cast);
    if (const auto* operation = dyn_cast<BinaryOperator>(above)) return passes_on(operation, at);
    if (const auto* operation = dyn_cast<UnaryOperator>(above)) {
      if (operation->getOpcode() == UO_Extension) return true;
      return operation->getOpcode() == UO_LNot ? false : fail_and_stop();
    }
    if (const auto* element = dyn_cast<ArraySubscriptExpr>(above)) {
      const Stmt* address = address_of_element(element);
      if (element->getBase() != at || address == nullptr) return fail_and_stop();
      open_.push_back(cast<Expr>(address));
      return false;
    }
    if (const auto* choice = dyn_cast<ConditionalOperator>(above)) return choice->getCond() != at;
    if (const auto* call = dyn_cast<CallExpr>(above)) {
      const llvm::StringRef name = name_of_callee(call);
      const bool sets = call->getNumArgs() > 0 && call->getArg(0) == at &&
                        (name == "memset" || name == "bzero" || name == "__builtin_memset");
      return sets || frees(call) ? false : fail_and_stop();
    }
    return is_end_of_way(above, body_) ? false : fail_and_stop();
  }

  bool passes_through(const CastExpr* cast) {
    switch (cast->getCastKind()) {
      case CK_LValueToRValue:
        return true;
      case CK_BitCast:
      case CK_NoOp:
        return is_raw_pointer(cast->getType()) || fail_and_stop();
      case CK_PointerToBoolean:
      case CK_ToVoid:
        return false;
      default:
        return fail_and_stop();
    }
  }

  bool passes_on(const BinaryOperator* operation, const Stmt* at) {
    if (operation->isComparisonOp() || operation->isLogicalOp()) return false;
    if (operation->getOpcode() == BO_Comma) return operation->getRHS() == at;
    if (operation->getOpcode() == BO_Assign) {
      if (operation->getLHS() == at) return false;
      keep(operation->getLHS());
      return true;
    }
    if (operation->getOpcode() != BO_Add && operation->getOpcode() != BO_Sub &&
        operation->getOpcode() != BO_AddAssign && operation->getOpcode() != BO_SubAssign)
      return fail_and_stop();
    // A distance between two of them is no address.
    if (!operation->getType()->isPointerType()) return false;
    return is_moved_by_pieces(operation) || fail_and_stop();
  }

  // `at + k * n`
  bool is_moved_by_pieces(const BinaryOperator* sum) const {
    if (!is_raw_pointer(sum->getType())) return false;
    const bool is_left = sum->getLHS()->getType()->isPointerType();
    return multiples_.is_any_number(is_left ? sum->getRHS() : sum->getLHS());
  }

  // Of `&at[k * n]` the whole; else nullptr.
  const Stmt* address_of_element(const ArraySubscriptExpr* element) const {
    const auto* address = dyn_cast_or_null<UnaryOperator>(above_parentheses(element, body_));
    const bool is_address = address != nullptr && address->getOpcode() == UO_AddrOf;
    if (!is_address || !is_raw_pointer(address->getType())) return nullptr;
    return multiples_.is_any_number(element->getIdx()) ? address : nullptr;
  }

  void keep(const VarDecl* variable) {
    const bool is_fit = variable->hasLocalStorage() && !isa<ParmVarDecl>(variable) &&
                        is_raw_pointer(variable->getType()) &&
                        !variable->getType().isVolatileQualified();
    if (!is_fit) return fail();
    if (!variables_.insert(variable).second) return;
    for (const DeclRefExpr* use : body_.uses(variable)) open_.push_back(use);
  }

  void keep(const Expr* place) {
    place = place->IgnoreParens();
    if (const auto* name = dyn_cast<DeclRefExpr>(place)) {
      const auto* variable = dyn_cast<VarDecl>(name->getDecl());
      return variable == nullptr ? fail() : keep(variable);
    }
    if (!is_raw_pointer(place->getType())) return fail();
    if (const FieldDecl* field = field_of_state(place)) {
      if (!pool_.places.insert(field).second) return;
      return for_each_use(field, [&](const MemberExpr* use) { open_.push_back(use); });
    }
    const auto* element = dyn_cast<ArraySubscriptExpr>(place);
    const FieldDecl* list =
        element == nullptr ? nullptr : field_of_state(element->getBase()->IgnoreParenImpCasts());
    if (list == nullptr) return fail();
    pool_.lists.insert(list);
  }

  // The member in `state->member`, where the state is a parameter, always the same.
  const FieldDecl* field_of_state(const Expr* place) {
    const auto* member = dyn_cast<MemberExpr>(place);
    const FieldDecl* field = field_of(place);
    if (field == nullptr || !member->isArrow() || field->getParent()->isUnion()) return nullptr;
    const auto* state = dyn_cast_or_null<ParmVarDecl>(variable_named_by(member->getBase()));
    const bool is_ours =
        state != nullptr && state->getDeclContext() == body_.function() &&
        state->getType()->isPointerType() &&
        state->getType()->getPointeeType()->getAsRecordDecl() == field->getParent();
    if (!is_ours || (state_ != nullptr && state_ != state)) return nullptr;
    state_ = state;
    return field;
  }

  template <typename Visit>
  void for_each_use(const FieldDecl* field, Visit visit) const {
    body_.for_each([&](const Stmt* at) {
      if (field_of(at) == field) visit(cast<MemberExpr>(at));
    });
  }

  // Whether `value` is the block's address or a piece's, if what is kept are such.
  bool is_piece(const Expr* value, int depth = 0) {
    if (depth > kDeepest) return false;
    if (is_null(value, context_)) return true;
    value = value->IgnoreParenCasts();
    if (value == call_) return true;
    if (!is_raw_pointer(value->getType())) return false;
    if (const auto* choice = dyn_cast<ConditionalOperator>(value)) {
      return is_piece(choice->getTrueExpr(), depth + 1) &&
             is_piece(choice->getFalseExpr(), depth + 1);
    }
    if (const auto* operation = dyn_cast<BinaryOperator>(value)) {
      if (operation->getOpcode() == BO_Assign || operation->getOpcode() == BO_Comma)
        return is_piece(operation->getRHS(), depth + 1);
      const Expr* left = operation->getLHS();
      const Expr* base = left->getType()->isPointerType() ? left : operation->getRHS();
      return is_moved_by_pieces(operation) && is_piece(base, depth + 1);
    }
    if (const auto* operation = dyn_cast<UnaryOperator>(value)) {
      const auto* element = dyn_cast<ArraySubscriptExpr>(operation->getSubExpr()->IgnoreParens());
      return operation->getOpcode() == UO_AddrOf && element != nullptr &&
             multiples_.is_any_number(element->getIdx()) && is_piece(element->getBase(), depth + 1);
    }
    if (field_of(value) != nullptr) {
      const FieldDecl* field = field_of_state(value);
      return field != nullptr && pool_.places.contains(field);
    }
    const VarDecl* variable = variable_named_by(value);
    return variable != nullptr && variables_.contains(variable);
  }

  // Whether what leads to pieces never leads to anything else. Sums have been looked at on the way.
  bool are_all_given_pieces() {
    for (const VarDecl* variable : variables_) {
      for (const Assignment& how : body_.assignments(variable)) {
        const bool is_plain = how.operation == BO_Assign && how.second == nullptr;
        if (is_plain && (how.value == nullptr || !is_piece(how.value))) return false;
      }
    }
    bool are_all = true;
    for (const FieldDecl* field : pool_.places) {
      for_each_use(field, [&](const MemberExpr* use) {
        are_all &= field_of_state(use) == field;
        const auto* assignment = dyn_cast_or_null<BinaryOperator>(above_parentheses(use, body_));
        const bool is_given = assignment != nullptr && assignment->getOpcode() == BO_Assign &&
                              assignment->getLHS()->IgnoreParens() == use;
        are_all &= !is_given || is_piece(assignment->getRHS());
      });
    }
    return are_all && !pool_.places.empty();
  }

  bool returns_pieces() {
    bool has_piece = false;
    for (const ReturnStmt* statement : body_.returns) {
      const Expr* value = statement->getRetValue();
      if (value == nullptr || !is_piece(value)) return false;
      has_piece |= !is_null(value, context_);
    }
    return has_piece;
  }

  // Whether that parameter is what the caller said, wherever it is named.
  bool stays(const ParmVarDecl* parameter) const {
    return body_.assignments(parameter).empty() &&
           llvm::none_of(body_.uses(parameter), [&](const DeclRefExpr* use) {
             const auto* operation = dyn_cast_or_null<UnaryOperator>(above_parentheses(use, body_));
             return operation != nullptr &&
                    (operation->getOpcode() == UO_AddrOf || operation->isIncrementDecrementOp());
           });
  }

  void fail() { has_failed_ = true; }
  bool fail_and_stop() {
    has_failed_ = true;
    return false;
  }

  static constexpr int kMostSteps = 64;

  const CallExpr* call_;
  const FunctionBody& body_;
  const ParmVarDecl* unit_;
  const ASTContext& context_;
  Multiples multiples_;
  Pool pool_;
  const ParmVarDecl* state_ = nullptr;
  llvm::SmallPtrSet<const VarDecl*, 4> variables_;
  std::vector<const Expr*> open_;
  bool has_failed_ = false;
};

}  // namespace

std::optional<Pool> pool_around(const CallExpr* call, const FunctionBody& body,
                                const ASTContext& context) {
  const FunctionDecl* function = body.function();
  const SourceManager& sources = context.getSourceManager();
  const bool may_be_one = function != nullptr && !context.getLangOpts().CPlusPlus &&
                          !function->isExternallyVisible() && !function->isVariadic() &&
                          is_raw_pointer(function->getReturnType());
  if (!may_be_one) return std::nullopt;
  for (const ParmVarDecl* unit : function->parameters()) {
    if (!unit->getType()->isIntegerType()) continue;
    auto pool = PoolReader{call, body, unit, context}.read();
    if (!pool || pool->record == nullptr) continue;
    const SourceLocation at = sources.getExpansionLoc(pool->record->getLocation());
    if (sources.isInMainFile(at)) return pool;
  }
  return std::nullopt;
}

}  // namespace allocs::plugin
