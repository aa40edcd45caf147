// SPDX-License-Identifier: Apache-2.0
//
// Asks all of a file whether a pool's blocks hold pieces of one type: the second half of the essay in pools.cc.
#include <clang/Basic/SourceManager.h>

#include <map>

#include "toolchain/plugin/pool_expressions.h"
#include "toolchain/plugin/pools.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;
using namespace pool_expressions;

namespace {

// Whether nothing leads from that member into a block, but to free it, and nobody gives it a value; of a list it may be any value.
bool is_left_alone(const MemberExpr* member, bool is_list, const FunctionBody& body,
                   const ASTContext& context) {
  const Stmt* at = member;
  for (const Stmt* above = body.parent(at); above != nullptr; at = above, above = body.parent(at)) {
    if (isa<ParenExpr, FullExpr>(above)) continue;
    if (const auto* cast = dyn_cast<CastExpr>(above)) {
      const CastKind kind = cast->getCastKind();
      if (kind == CK_PointerToBoolean || kind == CK_ToVoid) return true;
      if (kind != CK_LValueToRValue && kind != CK_BitCast && kind != CK_NoOp) return false;
      continue;
    }
    if (isa<UnaryExprOrTypeTraitExpr>(above)) return true;
    if (const auto* operation = dyn_cast<BinaryOperator>(above)) {
      if (operation->isComparisonOp() || operation->isLogicalOp()) return true;
      return operation->getOpcode() == BO_Assign && operation->getLHS() == at &&
             (is_list || is_null(operation->getRHS(), context));
    }
    if (const auto* operation = dyn_cast<UnaryOperator>(above)) {
      if (operation->getOpcode() == UO_Deref && is_list) continue;
      return operation->getOpcode() == UO_LNot;
    }
    if (const auto* element = dyn_cast<ArraySubscriptExpr>(above)) {
      if (!is_list || element->getBase() != at) return false;
      continue;
    }
    if (const auto* call = dyn_cast<CallExpr>(above))
      return frees(call) || (is_list && name_of_callee(call).contains_insensitive("realloc"));
    return !isa<ReturnStmt>(above) && is_end_of_way(above, body);
  }
  return false;
}

// What a call of the pool's function names as its pool.
struct NamedPool {
  const Decl* name = nullptr;   // nullptr: something else
  bool is_pool_itself = false;  // not a pointer to it
};

NamedPool named_pool(const Expr* state) {
  state = state->IgnoreParenImpCasts();
  const auto* address = dyn_cast<UnaryOperator>(state);
  const bool is_address = address != nullptr && address->getOpcode() == UO_AddrOf;
  if (is_address) state = address->getSubExpr()->IgnoreParens();
  if (const FieldDecl* field = field_of(state))
    return field->getParent()->isUnion() ? NamedPool{} : NamedPool{field, is_address};
  const auto* name = dyn_cast<DeclRefExpr>(state);
  const auto* variable = name == nullptr ? nullptr : dyn_cast<VarDecl>(name->getDecl());
  if (variable == nullptr || !variable->hasGlobalStorage()) return {};
  return {variable->getCanonicalDecl(), is_address};
}

// Looks at all that the file does with one pool's structure and function.
class PoolWitness {
 public:
  PoolWitness(const Pool& pool, const ASTContext& context, SizeAnalysis& sizes)
      : pool_(pool), context_(context), sizes_(sizes) {}

  void look_at(const FunctionBody& body) {
    body.for_each([&](const Stmt* at) {
      if (is_refuted_) return;
      is_refuted_ = is_against(at, body);
    });
    for (const CallExpr* call : body.calls) {
      const FunctionDecl* callee = call->getDirectCallee();
      if (callee != nullptr && callee->getCanonicalDecl() == pool_.function->getCanonicalDecl())
        is_refuted_ |= !note(call, body);
    }
  }

  PoolWorth worth() const {
    if (is_refuted_ || types_.empty()) return PoolWorth::none;
    if (types_.size() == 1) return PoolWorth::certain;
    if (has_unnamed_ || !have_own_pools_) return PoolWorth::none;
    return has_pointers_ ? PoolWorth::plausible : PoolWorth::certain;
  }

 private:
  bool is_against(const Stmt* at, const FunctionBody& body) const {
    if (const auto* member = dyn_cast<MemberExpr>(at)) {
      const FieldDecl* field = field_of(member);
      const bool is_list = pool_.lists.contains(field);
      const bool is_place = pool_.places.contains(field) && body.function() != pool_.function;
      return (is_list || is_place) && !is_left_alone(member, is_list, body, context_);
    }
    if (const auto* list = dyn_cast<InitListExpr>(at))
      return is_ours(list->getType()) && gives(list);
    if (const auto* offset = dyn_cast<OffsetOfExpr>(at))
      return is_ours(offset->getTypeSourceInfo()->getType());
    if (const auto* cast = dyn_cast<CastExpr>(at)) return is_against(cast, body);
    const auto* name = dyn_cast<DeclRefExpr>(at);
    return name != nullptr && is_function(name->getDecl()) && !is_called(name, body);
  }

  // A copy of the structure, or its address as one of something else; who frees or clears it may have that.
  bool is_against(const CastExpr* cast, const FunctionBody& body) const {
    if (cast->getCastKind() == CK_LValueToRValue) return is_ours(cast->getType());
    const QualType from = cast->getSubExpr()->getType();
    if (!from->isPointerType() || !is_ours(from->getPointeeType())) return false;
    const CastKind kind = cast->getCastKind();
    if (kind == CK_PointerToBoolean || kind == CK_ToVoid || kind == CK_NoOp) return false;
    const Stmt* above = body.parent(cast);
    while (isa_and_nonnull<ParenExpr, CastExpr>(above)) above = body.parent(above);
    const auto* call = dyn_cast_or_null<CallExpr>(above);
    if (call == nullptr) return true;
    const bool clears = name_of_callee(call) == "memset" && call->getNumArgs() == 3 &&
                        is_null(call->getArg(1), context_);
    return !clears && !frees(call);
  }

  bool is_ours(QualType type) const {
    const RecordDecl* record = type->getAsRecordDecl();
    return record != nullptr && record->getCanonicalDecl() == pool_.record->getCanonicalDecl();
  }
  bool is_function(const ValueDecl* declaration) const {
    return declaration->getCanonicalDecl() == pool_.function->getCanonicalDecl();
  }

  // Whether something but null is put into a member that leads to pieces.
  bool gives(const InitListExpr* list) const {
    if (!list->isSemanticForm()) return false;  // the other form is there, too
    unsigned index = 0;
    for (const FieldDecl* field : pool_.record->fields()) {
      if (field->isUnnamedBitField()) continue;
      const unsigned at = index++;
      if (!pool_.places.contains(field) || at >= list->getNumInits()) continue;
      const Expr* value = list->getInit(at);
      if (!isa<ImplicitValueInitExpr>(value) && !is_null(value, context_)) return true;
    }
    return false;
  }

  static bool is_called(const DeclRefExpr* name, const FunctionBody& body) {
    const Stmt* at = name;
    const Stmt* above = body.parent(at);
    for (; isa_and_nonnull<ParenExpr, ImplicitCastExpr>(above); above = body.parent(above))
      at = above;
    const auto* call = dyn_cast_or_null<CallExpr>(above);
    return call != nullptr && call->getCallee() == at;
  }

  // Whether no pointer that receives the piece speaks against it.
  bool is_received_as(QualType type, const Target& target) const {
    const bool says_something = !target.type.isNull() && !target.is_bytes;
    return !target.has_conflict && (!says_something || starts_with(type, target.type, context_));
  }

  // What it asks for, and of which pool. False if that is not known, or if the function was not known yet.
  bool note(const CallExpr* call, const FunctionBody& body) {
    const SourceManager& sources = context_.getSourceManager();
    if (call->getNumArgs() != pool_.function->getNumParams()) return false;
    if (!sources.isBeforeInTranslationUnit(pool_.function->getBody()->getEndLoc(),
                                           call->getBeginLoc()))
      return false;
    const SizeFacts size = sizes_.facts_of(call->getArg(pool_.size), body);
    const bool is_one = size.terms.size() == 1 && size.bytes == 0 && !size.has_more &&
                        size.parameters == 0 && !size.is_uncertain && !size.is_perhaps_plain &&
                        !size.has_lost_choice && !size.has_choice();
    if (!is_one) return false;
    const SizeTerm& term = size.terms[0];
    if (term.is_multiple || term.is_negative || term.is_offset) return false;
    const void* type = context_.getCanonicalType(term.type).getUnqualifiedType().getAsOpaquePtr();
    if (!is_received_as(term.type, target_of(call, body, context_))) return false;
    types_.insert(type);
    const NamedPool named = named_pool(call->getArg(pool_.state));
    has_unnamed_ |= named.name == nullptr;
    has_pointers_ |= !named.is_pool_itself;
    const auto [of_pool, is_new] = type_of_.try_emplace(named.name, type);
    have_own_pools_ &= is_new || of_pool->second == type;
    return true;
  }

  const Pool& pool_;
  const ASTContext& context_;
  SizeAnalysis& sizes_;
  bool is_refuted_ = false;
  bool has_unnamed_ = false;
  bool has_pointers_ = false;
  bool have_own_pools_ = true;
  llvm::SmallPtrSet<const void*, 8> types_;
  std::map<const Decl*, const void*> type_of_;
};

}  // namespace

PoolWorth PoolUses::worth_of(const Pool& pool) {
  const auto [known, is_new] = known_.try_emplace(pool.function, PoolWorth::none);
  if (is_new) {
    const PoolWorth found = find(pool);
    known_[pool.function] = found;
    return found;
  }
  return known->second;
}

PoolWorth PoolUses::find(const Pool& pool) {
  if (doubted_.contains(pool.function)) return PoolWorth::none;
  const SourceManager& sources = context_.getSourceManager();
  PoolWitness witness{pool, context_, sizes_};
  const SourceLocation described = pool.record->getLocation();
  for (const Decl* declaration : context_.getTranslationUnitDecl()->noload_decls()) {
    if (sources.isBeforeInTranslationUnit(declaration->getEndLoc(), described)) continue;
    if (const auto* variable = dyn_cast<VarDecl>(declaration);
        variable != nullptr && variable->hasInit()) {
      FunctionBody initialiser{nullptr};
      auto* own = const_cast<VarDecl*>(variable);
      initialiser.add_initialiser(own->getInit(), {own, nullptr});
      witness.look_at(initialiser);
    }
    const auto* function = dyn_cast<FunctionDecl>(declaration);
    const bool has_body = function != nullptr &&
                          (function->doesThisDeclarationHaveABody() || function->hasSkippedBody());
    if (!has_body) continue;
    const FunctionBody* body = bodies_.of(function);
    if (body == nullptr) return PoolWorth::none;
    witness.look_at(*body);
  }
  return witness.worth();
}

}  // namespace allocs::plugin
