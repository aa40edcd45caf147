// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/function_body.h"

#include <clang/Basic/Builtins.h>

#include "toolchain/plugin/passed_bodies.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;

VarDecl* variable_named_by(const Expr* expression) {
  const auto* name = dyn_cast<DeclRefExpr>(expression->IgnoreParenCasts());
  return name == nullptr ? nullptr : dyn_cast<VarDecl>(const_cast<ValueDecl*>(name->getDecl()));
}

bool is_sound(const Decl* declaration) {
  if (declaration == nullptr || declaration->isInvalidDecl()) return false;
  if (const auto* function = dyn_cast<FunctionDecl>(declaration)) {
    return !function->isDependentContext() && !function->willHaveBody();
  }
  return !declaration->getDeclContext()->isDependentContext();
}

bool is_sound(const Expr* expression) {
  return expression != nullptr && !expression->containsErrors() &&
         !expression->isInstantiationDependent();
}

void FunctionBody::add_function() {
  if (auto* constructor = dyn_cast<CXXConstructorDecl>(function_)) {
    for (CXXCtorInitializer* init : constructor->inits()) {
      if (init->getInit() == nullptr) continue;
      add_initialiser(init->getInit(), {nullptr, init->getAnyMember()});
    }
  }
  walk(function_->getBody());
}

void FunctionBody::add_initialiser(Expr* init, Slot slot) {
  slots_[init] = slot;
  if (slot.variable != nullptr) assign(slot.variable, {init, init});
  walk(init);
}

Stmt* FunctionBody::parent(const Stmt* of) const { return links_.lookup(of).parent; }
std::vector<const Stmt*> FunctionBody::users_of_default(const Stmt* of) const {
  const Stmt* at = of;
  while (at != nullptr && !isa<CXXDefaultArgExpr>(at)) at = parent(at);
  if (at == nullptr) return {};
  std::vector<const Stmt*> users;
  const auto direct = default_users_.find(default_of_.lookup(at));
  if (direct == default_users_.end()) return {};
  for (const Stmt* user : direct->second) {
    const std::vector<const Stmt*> outer = users_of_default(user);
    if (outer.empty()) {
      users.push_back(user);
    } else {
      users.insert(users.end(), outer.begin(), outer.end());
    }
  }
  return users;
}
unsigned FunctionBody::order(const Stmt* of) const { return links_.lookup(of).order; }

llvm::ArrayRef<Assignment> FunctionBody::assignments(const VarDecl* to) const {
  const auto found = assignments_.find(to);
  if (found == assignments_.end()) return {};
  return found->second;
}

llvm::ArrayRef<DeclRefExpr*> FunctionBody::uses(const VarDecl* of) const {
  const auto found = uses_.find(of);
  if (found == uses_.end()) return {};
  return found->second;
}

llvm::ArrayRef<MemberExpr*> FunctionBody::byte_members(const FieldDecl* of) const {
  const auto found = byte_members_.find(of);
  if (found == byte_members_.end()) return {};
  return found->second;
}

// With a stack of its own: expressions nest as deep as the source likes.
void FunctionBody::walk(Stmt* root) {
  if (root == nullptr) return;
  std::vector<Stmt*> open{root};
  links_.try_emplace(root, Link{nullptr, next_order_});
  std::vector<Stmt*> children;
  while (!open.empty()) {
    Stmt* at = open.back();
    open.pop_back();
    links_[at].order = next_order_++;
    visit(at);
    children.clear();
    if (auto* lambda = dyn_cast<LambdaExpr>(at)) {
      for (Expr* capture : lambda->capture_inits()) children.push_back(capture);
    } else if (auto* argument = dyn_cast<CXXDefaultArgExpr>(at)) {
      if (is_sound(argument->getExpr())) {
        children.push_back(argument->getExpr());
        default_of_[argument] = argument->getExpr();
        default_users_[argument->getExpr()].push_back(parent(argument));
      }
    } else if (auto* init = dyn_cast<CXXDefaultInitExpr>(at)) {
      Expr* value = init->getField()->hasInClassInitializer() ? init->getExpr() : nullptr;
      if (is_sound(value)) children.push_back(value);
      if (value != nullptr) slots_[value] = {nullptr, init->getField()};
    } else {
      for (Stmt* child : at->children()) children.push_back(child);
      // A parallel region: what is in it is code of this function, whatever function the compiler makes of it.
      if (auto* region = dyn_cast<CapturedStmt>(at)) children.push_back(region->getCapturedStmt());
    }
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      // A node that is reached twice (the two forms of an initialiser list share theirs) is read once.
      if (*child == nullptr || !links_.try_emplace(*child, Link{at, 0}).second) continue;
      open.push_back(*child);
    }
  }
}

void FunctionBody::visit(Stmt* at) {
  if (auto* declaration = dyn_cast<DeclStmt>(at)) return visit_declaration(declaration);
  if (auto* call = dyn_cast<CallExpr>(at)) {
    calls.push_back(call);
    return visit_checked_arithmetic(call);
  }
  if (auto* expression = dyn_cast<CXXNewExpr>(at)) return news.push_back(expression);
  if (auto* statement = dyn_cast<ReturnStmt>(at)) return returns.push_back(statement);
  if (auto* lambda = dyn_cast<LambdaExpr>(at)) return nested.push_back(lambda->getLambdaClass());
  if (auto* construction = dyn_cast<CXXConstructExpr>(at)) {
    if (construction->getConstructor()->isDefaulted())
      defaulted.push_back(construction->getConstructor());
    return;
  }
  if (auto* name = dyn_cast<DeclRefExpr>(at)) {
    if (auto* variable = dyn_cast<VarDecl>(name->getDecl())) uses_[variable].push_back(name);
    return;
  }
  if (auto* member = dyn_cast<MemberExpr>(at)) {
    auto* field = dyn_cast<FieldDecl>(member->getMemberDecl());
    const QualType type = member->getType();
    if (field != nullptr && type->isPointerType() && is_byte_type(type->getPointeeType()))
      byte_members_[field].push_back(member);
    return;
  }
  if (auto* operation = dyn_cast<BinaryOperator>(at); operation && operation->isAssignmentOp()) {
    if (VarDecl* variable = variable_named_by(operation->getLHS())) {
      assign(variable, {at, operation->getRHS(), nullptr, operation->getOpcode()});
    }
    return;
  }
  // `n++` adds to it; how often is not known.
  if (auto* operation = dyn_cast<UnaryOperator>(at);
      operation && operation->isIncrementDecrementOp()) {
    VarDecl* variable = variable_named_by(operation->getSubExpr());
    const BinaryOperatorKind change = operation->isIncrementOp() ? BO_AddAssign : BO_SubAssign;
    if (variable != nullptr && variable->getType()->isIntegerType())
      assign(variable, {at, nullptr, nullptr, change});
    return;
  }
  // `&size` may be for something to write to.
  if (auto* operation = dyn_cast<UnaryOperator>(at);
      operation && operation->getOpcode() == UO_AddrOf) {
    VarDecl* variable = variable_named_by(operation->getSubExpr());
    if (variable != nullptr && variable->getType()->isIntegerType()) assign(variable, {at});
  }
}

void FunctionBody::visit_declaration(DeclStmt* at) {
  for (Decl* declaration : at->decls()) {
    if (auto* record = dyn_cast<CXXRecordDecl>(declaration)) nested.push_back(record);
    auto* variable = dyn_cast<VarDecl>(declaration);
    if (variable == nullptr || variable->getInit() == nullptr) continue;
    slots_[variable->getInit()] = {variable, nullptr};
    assign(variable, {at, variable->getInit()});
  }
}

// __builtin_mul_overflow(a, b, &size) assigns a * b; the address that is taken in it says no more than that.
void FunctionBody::visit_checked_arithmetic(CallExpr* at) {
  BinaryOperatorKind operation;
  switch (at->getBuiltinCallee()) {
    case Builtin::BI__builtin_mul_overflow:
    case Builtin::BI__builtin_umul_overflow:
    case Builtin::BI__builtin_umull_overflow:
    case Builtin::BI__builtin_umulll_overflow:
      operation = BO_Mul;
      break;
    case Builtin::BI__builtin_add_overflow:
    case Builtin::BI__builtin_uadd_overflow:
    case Builtin::BI__builtin_uaddl_overflow:
    case Builtin::BI__builtin_uaddll_overflow:
      operation = BO_Add;
      break;
    default:
      return;
  }
  if (at->getNumArgs() != 3) return;
  auto* address = dyn_cast<UnaryOperator>(at->getArg(2)->IgnoreParenCasts());
  if (address == nullptr || address->getOpcode() != UO_AddrOf) return;
  if (VarDecl* variable = variable_named_by(address->getSubExpr())) {
    assign(variable, {at, at->getArg(0), at->getArg(1), operation});
  }
}

void FunctionBody::assign(VarDecl* to, const Assignment& how) {
  std::vector<Assignment>& all = assignments_[to];
  const bool is_inside_checked =
      how.value == nullptr && !all.empty() && all.back().second != nullptr &&
      isa<CallExpr>(all.back().at) &&
      how.at == cast<CallExpr>(all.back().at)->getArg(2)->IgnoreParenCasts();
  if (is_inside_checked) return;
  all.push_back(how);
  all.back().order = next_order_;
}

bool FunctionBodies::may_hold_site(const FunctionDecl* function) const {
  return passed_ == nullptr || passed_->may_hold_site(function);
}

const FunctionBody* FunctionBodies::of(const FunctionDecl* function) {
  const FunctionDecl* definition = nullptr;
  if (passed_ != nullptr && function != nullptr) passed_->read(function);
  if (function == nullptr || !function->hasBody(definition) || !is_sound(definition))
    return nullptr;
  if (definition->getBody() == nullptr) return nullptr;
  std::unique_ptr<FunctionBody>& body = bodies_[definition];
  if (body == nullptr) {
    body = std::make_unique<FunctionBody>(const_cast<FunctionDecl*>(definition));
    body->add_function();
  }
  return body.get();
}

}  // namespace allocs::plugin
