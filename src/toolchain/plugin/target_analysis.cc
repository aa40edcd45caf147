// SPDX-License-Identifier: Apache-2.0
//
// Who receives a block?
//
// The way leads up from the call, through whatever passes the value on unchanged, to the first pointer that points at something:
//
//     struct node *n = malloc(k);          the variable
//     n->points = (struct point *)get(k);  the cast; the member agrees or not
//     void *p = malloc(k); ... n = p;      p is void *: so all that p is given to
//     p = list->rest; n = p;               ... as long as it leads to the block
//     return malloc(k);                    the return type
//     insert(tree, malloc(k));             the parameter
//     void *p = get(k); new (p) item;      what is constructed in it
//
// char and its relatives are believed last: programs use them for memory of any type. They are not believed at all where something
// else is made of an address inside the block, `(struct head *)(bytes + n)`.
#include "toolchain/plugin/target_analysis.h"

#include <clang/AST/RecordLayout.h>

#include "toolchain/plugin/handed_on.h"
#include "toolchain/plugin/reaching.h"

namespace allocs::plugin {

using namespace clang;

bool is_byte_type(QualType type) {
  type = type.getCanonicalType().getUnqualifiedType();
  return type->isAnyCharacterType()
             ? !type->isWideCharType() && !type->isChar16Type() && !type->isChar32Type()
             : type->isStdByteType();
}

bool are_bytes(QualType type, const ASTContext& context) {
  return !type->isDependentType() && is_byte_type(context.getBaseElementType(type));
}

bool is_raw_pointer(QualType type) {
  return type->isPointerType() &&
         (type->getPointeeType()->isVoidType() || is_byte_type(type->getPointeeType()));
}

bool starts_with(QualType outer, QualType inner, const ASTContext& context) {
  for (int depth = 0; depth < 16; ++depth) {
    if (context.hasSameUnqualifiedType(outer, inner)) return true;
    if (const auto* array = context.getAsArrayType(outer)) {
      outer = array->getElementType();
      continue;
    }
    const auto* record = outer->getAsRecordDecl();
    if (record == nullptr || (record = record->getDefinition()) == nullptr) return false;
    if (const auto* derived = dyn_cast<CXXRecordDecl>(record)) {
      const auto* base = inner->getAsCXXRecordDecl();
      if (base != nullptr && base->hasDefinition() && derived->isDerivedFrom(base)) return true;
      if (derived->getNumBases() > 0) {
        outer = derived->bases_begin()->getType();
        continue;
      }
    }
    if (record->field_empty()) return false;
    if (record->isUnion()) {
      for (const FieldDecl* field : record->fields()) {
        if (context.hasSameUnqualifiedType(field->getType(), inner)) return true;
      }
      return false;
    }
    outer = record->field_begin()->getType();
  }
  return false;
}

namespace {

constexpr int kMostSteps = 64;
constexpr std::size_t kMostUses = 64;

class Follower {
 public:
  Follower(const FunctionBody& body, const ASTContext& context) : body_(body), context_(context) {}

  void follow(const Expr* from, int depth) {
    const Stmt* at = from;
    for (int step = 0; step < kMostSteps; ++step) {
      const Slot slot = body_.slot(at);
      if (slot.field != nullptr && receive(slot.field->getType())) return;
      if (slot.variable != nullptr) {
        if (!receive(slot.variable->getType())) follow_variable(slot.variable, depth, at);
        return;
      }
      const Stmt* above = body_.parent(at);
      if (above == nullptr || !passes_on(above, at, depth)) return;
      at = above;
    }
  }

  // `&pointer`, perhaps cast to void **.
  void follow_stored(const Expr* address) {
    address = address->IgnoreParenCasts();
    const QualType type = address->getType();
    if (!type->isPointerType() || receive(type->getPointeeType())) return;
    const auto* operation = dyn_cast<UnaryOperator>(address);
    if (operation == nullptr || operation->getOpcode() != UO_AddrOf) return;
    if (const VarDecl* variable = variable_named_by(operation->getSubExpr()))
      follow_variable(variable, 0, nullptr);
  }

  Target take() {
    Target target;
    target.is_returned = is_returned_;
    target.stored_by_parameter = stored_by_parameter_;
    target.is_used_as_bytes = is_used_as_bytes_ && returns_bytes();
    if (has_conflict_) {
      target.has_conflict = true;
    } else if (!found_.isNull()) {
      target.type = found_;
      target.is_cast_for_callers = is_cast_for_callers_ && all_.size() == 1;
    } else if (!bytes_.isNull() && !has_more_inside_) {
      target.type = bytes_;
      target.is_bytes = true;
      target.has_only_views = has_only_views_;
    }
    target.all = std::move(all_);
    target.inside = std::move(inside_);
    target.is_aligned_by_hand = is_aligned_by_hand_;
    return target;
  }

 private:
  // Whether the value of `above` is that of `below`; if it goes somewhere instead, follows it there.
  bool passes_on(const Stmt* above, const Stmt* below, int depth) {
    if (depth > 0) note_use(above, below);
    if (const auto* cast = dyn_cast<CastExpr>(above)) {
      switch (cast->getCastKind()) {
        case CK_BitCast:
        case CK_NoOp:
        case CK_AddressSpaceConversion:
          // `*(size_t *)p = n` puts something there; it does not say what the block is.
          if (depth > 0 && is_scalar_access(cast)) return false;
          if (!receive(cast->getType(), depth > 0 && is_only_view(cast))) return true;
          is_cast_for_callers_ = is_cast_for_callers(cast);
          return false;
        case CK_UserDefinedConversion:
        case CK_ConstructorConversion:
        case CK_LValueToRValue:
          return true;
        case CK_PointerToIntegral:
          is_aligned_by_hand_ |= is_computed_with(cast);
          return false;
        default:
          return false;
      }
    }
    if (isa<ParenExpr, FullExpr, MaterializeTemporaryExpr, CXXBindTemporaryExpr, OpaqueValueExpr>(
            above))
      return true;
    if (const auto* choice = dyn_cast<AbstractConditionalOperator>(above)) {
      const auto* common = dyn_cast<BinaryConditionalOperator>(choice);
      return choice->getCond() != below || (common != nullptr && common->getCommon() == below);
    }
    if (const auto* operation = dyn_cast<BinaryOperator>(above)) {
      if (operation->getOpcode() == BO_Comma) return operation->getRHS() == below;
      if (operation->getOpcode() != BO_Assign || operation->getRHS() != below) return false;
      if (receive(operation->getLHS()->getType())) return false;
      if (VarDecl* variable = variable_named_by(operation->getLHS())) {
        follow_variable(variable, depth, below);
      } else if (const auto parameter = parameter_behind(operation->getLHS())) {
        stored_by_parameter_ = parameter;
      }
      return true;
    }
    if (isa<ReturnStmt>(above)) {
      is_returned_ = true;
      if (body_.function() != nullptr) receive(body_.function()->getReturnType());
      return false;
    }
    if (const auto* list = dyn_cast<InitListExpr>(above)) {
      receive_member(list, below);
      return false;
    }
    if (const auto* placement = dyn_cast<CXXNewExpr>(above)) {
      const bool is_place =
          placement->getNumPlacementArgs() == 1 && placement->getPlacementArg(0) == below;
      if (is_place) receive(context_.getPointerType(placement->getAllocatedType()));
      return false;
    }
    if (const auto* call = dyn_cast<CallExpr>(above)) {
      receive_argument(call, below);
      return false;
    }
    if (const auto* construction = dyn_cast<CXXConstructExpr>(above)) {
      for (unsigned i = 0; i < construction->getNumArgs(); ++i) {
        if (construction->getArg(i) != below) continue;
        const CXXConstructorDecl* constructor = construction->getConstructor();
        if (i < constructor->getNumParams()) receive(constructor->getParamDecl(i)->getType());
      }
      return false;
    }
    if (isa<CompoundStmt>(above)) {
      // The last of a statement expression is its value.
      const auto* outer = dyn_cast_or_null<StmtExpr>(body_.parent(above));
      return outer != nullptr && cast<CompoundStmt>(above)->body_back() == below;
    }
    return isa<StmtExpr>(above);
  }

  // `void *p = (T *)get(n); ...; return p;`: whatever the cast is for, to whom it is returned it may be anything.
  bool is_cast_for_callers(const CastExpr* cast) const {
    const FunctionDecl* function = body_.function();
    const auto* back = dyn_cast_or_null<ImplicitCastExpr>(above_parentheses(cast, body_));
    return function != nullptr && function->getReturnType()->isVoidPointerType() &&
           back != nullptr && back->getType()->isVoidPointerType() &&
           handed_on(cast, body_) == HandedOn::yes;
  }

  // A cast to bytes of whose value an address is computed that is none of bytes, or that goes to a `void *` as it is: `q = (char *)p + n`, `free((char *)p)`.
  bool is_only_view(const CastExpr* cast) const {
    bool is_moved = false;
    const Stmt* at = above_parentheses(cast, body_);
    for (; at != nullptr; at = above_parentheses(at, body_)) {
      const auto* operation = dyn_cast<BinaryOperator>(at);
      if (operation == nullptr || !operation->isAdditiveOp()) break;
      is_moved = true;
      if (!operation->getType()->isPointerType()) return true;  // a distance
    }
    const auto* other = dyn_cast_or_null<CastExpr>(at);
    if (other == nullptr || !other->getType()->isPointerType()) return false;
    const bool is_given = isa_and_nonnull<CallExpr>(above_parentheses(other, body_));
    return !is_byte_type(other->getType()->getPointeeType()) && !(is_moved && is_given);
  }

  // `*out`, where `out` is a parameter of the function.
  std::optional<unsigned> parameter_behind(const Expr* place) const {
    const auto* operation = dyn_cast<UnaryOperator>(place->IgnoreParens());
    if (operation == nullptr || operation->getOpcode() != UO_Deref) return std::nullopt;
    const auto* parameter =
        dyn_cast_or_null<ParmVarDecl>(variable_named_by(operation->getSubExpr()));
    if (parameter == nullptr || parameter->getDeclContext() != body_.function())
      return std::nullopt;
    return parameter->getFunctionScopeIndex();
  }

  // What is done with a variable that is not just given away.
  void note_use(const Stmt* above, const Stmt* below) {
    if (const QualType inside = made_inside(above, below); !inside.isNull()) {
      has_more_inside_ = true;
      inside_.push_back(inside);
    } else if (const auto* access = dyn_cast<Expr>(above);
               access && is_access_to_byte(access, below)) {
      is_used_as_bytes_ = true;
    }
  }

  // `below[i]` or `*below`; whoever zeroes a block for somebody else does that too.
  bool is_access_to_byte(const Expr* access, const Stmt* below) const {
    const auto* element = dyn_cast<ArraySubscriptExpr>(access);
    const auto* operation = dyn_cast<UnaryOperator>(access);
    const bool is_access = (element != nullptr && element->getBase() == below) ||
                           (operation != nullptr && operation->getOpcode() == UO_Deref);
    const Stmt* above = body_.parent(access);
    const auto* address = dyn_cast_or_null<UnaryOperator>(above);
    if (!is_access || !is_byte_type(access->getType())) return false;
    if (address != nullptr && address->getOpcode() == UO_AddrOf) return false;
    const auto* around = dyn_cast_or_null<BinaryOperator>(above);
    const bool is_written =
        around != nullptr && around->getOpcode() == BO_Assign && around->getLHS() == access;
    Expr::EvalResult value;
    const bool is_zeroed = is_written && around->getRHS()->EvaluateAsInt(value, context_) &&
                           value.Val.getInt().isZero();
    return !is_zeroed;
  }

  // What is done with a number, whatever its width: nullptr if it is no operand of anything.
  const BinaryOperator* operation_on(const Expr* number) const {
    const Stmt* above = above_parentheses(number, body_);
    while (isa_and_nonnull<CastExpr>(above) && cast<Expr>(above)->getType()->isIntegerType())
      above = above_parentheses(above, body_);
    return dyn_cast_or_null<BinaryOperator>(above);
  }

  // `((uintptr_t)p + 63) & ~63`, but not `assert(((uintptr_t)p & 7) == 0)`.
  bool is_computed_with(const CastExpr* number) const {
    const BinaryOperator* const operation = operation_on(number);
    if (operation == nullptr) return false;
    const BinaryOperator* const next = operation_on(operation);
    return (operation->isAdditiveOp() || operation->getOpcode() == BO_And) &&
           (next == nullptr || !next->isComparisonOp());
  }

  // `(T *)(below + n)`, `(T *)&below[n]`, where T is no scalar that is only read or written: T.
  QualType made_inside(const Stmt* above, const Stmt* below) const {
    const auto* sum = dyn_cast<BinaryOperator>(above);
    const bool is_sum = sum != nullptr && sum->isAdditiveOp() && sum->getType()->isPointerType();
    const auto* element = dyn_cast<ArraySubscriptExpr>(above);
    if (!is_sum && (element == nullptr || element->getBase() != below)) return {};
    const Stmt* at = body_.parent(above);
    while (at != nullptr && isa<ParenExpr>(at)) at = body_.parent(at);
    if (element != nullptr) {
      const auto* operation = dyn_cast_or_null<UnaryOperator>(at);
      if (operation == nullptr || operation->getOpcode() != UO_AddrOf) return {};
      at = body_.parent(at);
      while (at != nullptr && isa<ParenExpr>(at)) at = body_.parent(at);
    }
    const auto* cast = dyn_cast_or_null<CastExpr>(at);
    if (cast == nullptr || cast->getCastKind() != CK_BitCast || is_scalar_access(cast)) return {};
    const QualType type = cast->getType()->getPointeeType();
    const bool is_told = !type.isNull() && !type->isVoidType() && !is_byte_type(type);
    return is_told ? type.getUnqualifiedType() : QualType{};
  }

  bool returns_bytes() const {
    const FunctionDecl* function = body_.function();
    if (function == nullptr || !function->getReturnType()->isPointerType()) return false;
    return is_byte_type(function->getReturnType()->getPointeeType());
  }

  bool is_scalar_access(const CastExpr* cast) const {
    const QualType pointee = cast->getType()->getPointeeType();
    if (pointee.isNull() || !pointee->isScalarType()) return false;
    const Stmt* above = body_.parent(cast);
    while (above != nullptr && isa<ParenExpr>(above)) above = body_.parent(above);
    const auto* operation = dyn_cast_or_null<UnaryOperator>(above);
    return above != nullptr && (isa<ArraySubscriptExpr>(above) ||
                                (operation != nullptr && operation->getOpcode() == UO_Deref));
  }

  void receive_argument(const CallExpr* call, const Stmt* argument) {
    const FunctionDecl* callee = call->getDirectCallee();
    if (callee == nullptr) return;
    // The object of an overloaded operator that is a member comes before the parameters.
    const bool is_member_operator = isa<CXXOperatorCallExpr>(call) && isa<CXXMethodDecl>(callee);
    for (unsigned i = 0; i < call->getNumArgs(); ++i) {
      if (call->getArg(i) != argument) continue;
      const unsigned parameter = i - (is_member_operator ? 1 : 0);
      if (parameter < callee->getNumParams()) receive(callee->getParamDecl(parameter)->getType());
    }
  }

  void receive_member(const InitListExpr* list, const Stmt* value) {
    const auto* record = list->getType()->getAsRecordDecl();
    if (record == nullptr) {
      if (const auto* array = context_.getAsArrayType(list->getType()))
        receive(array->getElementType());
      return;
    }
    unsigned index = 0;
    if (const auto* derived = dyn_cast<CXXRecordDecl>(record)) index = derived->getNumBases();
    for (const FieldDecl* field : record->fields()) {
      if (field->isUnnamedBitField()) continue;
      if (index < list->getNumInits() && list->getInit(index) == value) receive(field->getType());
      ++index;
    }
  }

  // A `void *` variable: all that it is given to while it may be `given` (nullptr: at any time).
  void follow_variable(const VarDecl* variable, int depth, const Stmt* given) {
    constexpr int kDeepest = 3;
    if (depth >= kDeepest || !variable->isLocalVarDeclOrParm()) return;
    const auto uses = body_.uses(variable);
    if (uses.size() > kMostUses) return;
    const auto* value = variable->getType()->isVoidPointerType() && given != nullptr
                            ? dyn_cast<Expr>(given)
                            : nullptr;
    for (const DeclRefExpr* use : uses) {
      if (value == nullptr || may_still_be(body_, variable, value, use, context_))
        follow(use, depth + 1);
    }
  }

  // Whether the pointer type `type` says what it points at.
  bool receive(QualType type, bool is_only_view = false) {
    type = type.getNonReferenceType();
    if (!type->isPointerType()) return false;
    QualType pointee = type->getPointeeType().getUnqualifiedType();
    if (pointee->isVoidType() || pointee->isFunctionType() || pointee->isDependentType())
      return false;
    if (is_byte_type(pointee)) {
      if (bytes_.isNull()) bytes_ = pointee;
      has_only_views_ &= is_only_view;
      return false;
    }
    all_.push_back(pointee);
    if (found_.isNull()) {
      found_ = pointee;
    } else if (!context_.hasSameUnqualifiedType(found_, pointee)) {
      // A base, or the first member: the larger one is what is there.
      if (starts_with(pointee, found_, context_)) {
        found_ = pointee;
      } else if (!starts_with(found_, pointee, context_)) {
        has_conflict_ = true;
      }
    }
    return true;
  }

  const FunctionBody& body_;
  const ASTContext& context_;
  QualType found_;
  llvm::SmallVector<QualType, 1> all_;
  QualType bytes_;
  bool has_conflict_ = false;
  bool is_returned_ = false;
  bool is_used_as_bytes_ = false;
  bool has_more_inside_ = false;
  llvm::SmallVector<QualType, 1> inside_;
  bool is_aligned_by_hand_ = false;
  bool has_only_views_ = true;  // as far as was seen
  bool is_cast_for_callers_ = false;
  std::optional<unsigned> stored_by_parameter_;
};

}  // namespace

Target target_of(const Expr* expression, const FunctionBody& body, const ASTContext& context) {
  Follower follower{body, context};
  follower.follow(expression, 0);
  Target target = follower.take();
  const HandedOn how = handed_on(expression, body);
  target.is_handed_on = how == HandedOn::yes || target.is_given_to_caller();
  const bool returns_raw =
      body.function() != nullptr && is_raw_pointer(body.function()->getReturnType());
  target.is_handed_on_raw = target.is_handed_on && returns_raw;
  const bool is_string = target.is_bytes && body.function() != nullptr &&
                         !body.function()->getReturnType()->isVoidPointerType();
  if (how == HandedOn::moved && returns_raw && !is_string) {
    // A head of its own, and the caller's memory behind it: the block is neither.
    target = {};
    target.has_conflict = true;
  }
  return target;
}

Target target_stored_at(const Expr* address, const FunctionBody& body, const ASTContext& context) {
  Follower follower{body, context};
  follower.follow_stored(address);
  Target target = follower.take();
  target.is_handed_on = target.is_given_to_caller();
  return target;
}

}  // namespace allocs::plugin
