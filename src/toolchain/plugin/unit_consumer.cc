// SPDX-License-Identifier: Apache-2.0
//
// When is a function looked at?
//
// Code generation makes code of a function either when it has been read, or, for those that only count if something uses them
// (inline, static, templates), at the end of the unit. The plugin comes before it both times. Functions of the second sort wait, for
// two reasons: by then all of the unit's wrappers are known, and constant expressions have been evaluated, which a changed
// tree must not disturb.
#include "toolchain/plugin/unit_consumer.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclFriend.h>
#include <clang/AST/DeclTemplate.h>

namespace allocs::plugin {

using namespace clang;

void UnitConsumer::Initialize(ASTContext& context) {
  context_ = &context;
  calls_ = std::make_unique<AllocationCalls>(context, bodies_);
  byte_uses_ = std::make_unique<ByteUses>(context, bodies_, nullptr);
  if (take_list_) {
    list_ = std::make_unique<SiteListWriter>(context, compiler_);
    if (!compiler_.getFrontendOpts().SkipFunctionBodies) return;
    if (!context.getLangOpts().CPlusPlus) {
      passed_ = std::make_unique<PassedBodies>(compiler_, *calls_);
      passed_->begin();
      bodies_.set_passed(passed_.get());
      byte_uses_ = std::make_unique<ByteUses>(context, bodies_, passed_.get());
    } else {
      late_ = std::make_unique<LateBodies>(compiler_);
      late_->begin();
    }
    return;
  }
  const CodeGenOptions& options = compiler_.getCodeGenOpts();
  const frontend::ActionKind action = compiler_.getFrontendOpts().ProgramAction;
  const bool makes_code = action == frontend::EmitObj || action == frontend::EmitAssembly ||
                          action == frontend::EmitBC || action == frontend::EmitLLVMOnly ||
                          action == frontend::EmitLLVM || action == frontend::EmitCodeGenOnly;
  // These look at casts, and make other code of them.
  const bool minds_casts = options.StrictVTablePointers ||
                           context.getLangOpts().Sanitize.has(SanitizerKind::CFIUnrelatedCast);
  changes_tree_ = makes_code && !minds_casts &&
                  options.getDebugInfo() >= llvm::codegenoptions::DebugInfoConstructor;
  conveyance_ = std::make_unique<Conveyance>(context, *placed_);
}

bool UnitConsumer::HandleTopLevelDecl(DeclGroupRef group) {
  if (!changes_tree_ && list_ == nullptr) return true;
  for (Decl* declaration : group) read(declaration);
  return true;
}

bool UnitConsumer::shouldSkipFunctionBody(Decl* declaration) {
  if (passed_ != nullptr) return passed_->pass_over(declaration);
  return late_ == nullptr || late_->pass_over(declaration);
}

void UnitConsumer::HandleTranslationUnit(ASTContext&) {
  if (late_ != nullptr) {
    for (FunctionDecl* function : late_->read_used()) read_function(function);
  }
  if (passed_ != nullptr) passed_->end();
  is_at_end_ = true;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {  // reading one may find others
    if (!bodies_.may_hold_site(waiting_[i])) continue;
    if (const FunctionBody* body = bodies_.of(waiting_[i])) read_body(*body);
  }
  for (const auto& one : unconfirmed_) {
    if (const auto kind = confirmed_kind(*one)) confirmed_->emplace(one->marker, *kind);
  }
  if (list_ != nullptr && !compiler_.getDiagnostics().hasErrorOccurred()) take_list_(list_->text());
}

void UnitConsumer::read(Decl* declaration) {
  if (declaration == nullptr || !seen_.insert(declaration).second) return;
  // Instances of templates come by themselves.
  if (isa<TemplateDecl, ClassTemplatePartialSpecializationDecl>(declaration)) return;
  if (auto* function = dyn_cast<FunctionDecl>(declaration)) return read_function(function);
  if (auto* variable = dyn_cast<VarDecl>(declaration)) return read_variable(variable);
  if (auto* friendly = dyn_cast<FriendDecl>(declaration)) return read(friendly->getFriendDecl());
  if (auto* record = dyn_cast<CXXRecordDecl>(declaration); record && record->isDependentContext())
    return;
  if (auto* scope = dyn_cast<DeclContext>(declaration)) read_members(scope);
}

void UnitConsumer::read_members(DeclContext* scope) {
  for (Decl* member : scope->noload_decls()) read(member);
}

void UnitConsumer::read_variable(VarDecl* variable) {
  if (!is_sound(variable) || !variable->hasInit() || !is_sound(variable->getInit())) return;
  if (variable->isConstexpr()) return;
  initialisers_.push_back(std::make_unique<FunctionBody>(nullptr));
  initialisers_.back()->add_initialiser(variable->getInit(), {variable, nullptr});
  read_body(*initialisers_.back());
}

void UnitConsumer::read_function(FunctionDecl* function) {
  if (!is_sound(function)) return;
  if (passed_ != nullptr && function->hasSkippedBody()) return waiting_.push_back(function);
  if (!function->doesThisDeclarationHaveABody() || function->isConsteval()) return;
  if (can_wait(function)) {
    waiting_.push_back(function);
  } else if (const FunctionBody* body = bodies_.of(function)) {
    read_body(*body);
  }
}

// Whether code is made of it only at the end of the unit.
bool UnitConsumer::can_wait(const FunctionDecl* function) const {
  if (list_ != nullptr) return true;
  const TemplateSpecializationKind kind = function->getTemplateSpecializationKind();
  if (kind == TSK_ImplicitInstantiation) return true;
  if (kind == TSK_ExplicitInstantiationDefinition) return false;
  return !context_->DeclMustBeEmitted(function);
}

// Not for lists: the code has no call there.
void UnitConsumer::read_alloca(CallExpr* call, const Request& request, const FunctionBody& body) {
  if (list_ != nullptr) return;
  const auto type = choose_site_type(request, target_of(call, body, *context_), *context_);
  if (type) conveyance_->mark_alloca(call, *type, body);
}

void UnitConsumer::read_body(const FunctionBody& body) {
  for (CallExpr* call : body.calls) {
    if (!is_sound(call)) continue;
    if (const auto block = calls_->alloca_request_of(call, body)) {
      read_alloca(call, *block, body);
      continue;
    }
    const QualType result = call->getType();
    const bool may_allocate =
        result->isPointerType() || result->isIntegerType() || result->isVoidType();
    const auto request = may_allocate ? calls_->request_of(call, body) : std::nullopt;
    if (request) read_call(call, *request, body);
  }
  for (CXXNewExpr* expression : body.news) {
    const FunctionDecl* function = expression->getOperatorNew();
    const bool is_placement = function == nullptr || function->isReservedGlobalPlacementOperator();
    if (is_placement || !is_sound(expression)) continue;
    SiteType type = site_type_of(expression, *context_);
    if (calls_->is_object_of_new(expression, body)) {
      type.kind = wrapper_site().kind;
    } else if (type.tail.isNull() && calls_->asks_for_more(function)) {
      type.kind.shape = types::SiteShape::at_least;
    }
    if (list_ != nullptr) {
      list_->add(expression, type, body);
    } else {
      conveyance_->mark_in_default(expression, function, type, body);
      conveyance_->mark(expression, type);
    }
  }
  for (CXXRecordDecl* record : body.nested) read(record);
  for (CXXConstructorDecl* constructor : body.defaulted) read(constructor);
}

std::optional<SiteType> UnitConsumer::type_of(const CallExpr* call, const Request& request,
                                              const Target& target, const FunctionBody& body) {
  if (calls_->is_for_callers(body.function())) return wrapper_site();
  if (AllocationCalls::is_object_of_new(request, target, body)) return wrapper_site();
  const Pool* pool = is_at_end_ ? calls_->pool_of(call, body) : nullptr;
  if (pool != nullptr && calls_->pool_uses().worth_of(*pool) != PoolWorth::none)
    return wrapper_site();
  return choose_site_type(request, target, *context_);
}

std::optional<types::SiteKind> UnitConsumer::confirmed_kind(const Unconfirmed& one) {
  types::SiteKind kind = one.kind;
  kind.target = types::SiteTargetSays::used;
  if (one.pool == nullptr) {
    const UseAsBytes use = byte_uses_->use_of(one.block, one.is_stored_at, *one.body);
    if (use == UseAsBytes::nothing_else) return kind;
    const bool has_witness = use == UseAsBytes::open || !one.has_only_views;
    if (use != UseAsBytes::something_else && has_witness) return std::nullopt;
    kind.target = types::SiteTargetSays::disagrees;
    return kind;
  }
  const PoolWorth worth = calls_->pool_uses().worth_of(*one.pool);
  if (worth == PoolWorth::none) return std::nullopt;
  if (worth == PoolWorth::plausible) kind.target = types::SiteTargetSays::disagrees;
  kind.shape = types::SiteShape::array;
  return kind;
}

void UnitConsumer::read_call(CallExpr* call, const Request& request, const FunctionBody& body) {
  const Expr* const stored_at = request.stored_at;
  const Target target = stored_at == nullptr ? target_of(call, body, *context_)
                                             : target_stored_at(stored_at, body, *context_);
  auto type = type_of(call, request, target, body);
  const bool is_piece = type && request.pool != nullptr && type->may_be_piece();
  if (request.pool != nullptr && !is_piece) calls_->pool_uses().doubt(*request.pool);
  const bool is_to_confirm = is_piece || (type && type->is_bytes_on_its_word());
  const Unconfirmed open{stored_at == nullptr ? call : stored_at,
                         stored_at != nullptr,
                         target.has_only_views,
                         &body,
                         is_piece ? request.pool : nullptr,
                         type ? type->kind : types::SiteKind{},
                         {}};
  if (list_ != nullptr) {
    if (is_to_confirm) type->kind = confirmed_kind(open).value_or(type->kind);
    return list_->add(call, type, request.bytes, body);
  }
  if (!type) return;
  if (is_to_confirm) {
    unconfirmed_.push_back(std::make_unique<Unconfirmed>(open));
    conveyance_->name_next(&unconfirmed_.back()->marker);
  }
  if (stored_at != nullptr) {
    conveyance_->mark_stored(call, const_cast<Expr*>(stored_at), *type, body);
  } else {
    conveyance_->mark_in_default(call, call->getDirectCallee(), *type, body);
    conveyance_->mark(call, *type, body);
  }
  conveyance_->name_next(nullptr);
}

}  // namespace allocs::plugin
