// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/function_body.h"

#include <clang/AST/Attr.h>
#include <clang/Basic/Builtins.h>
#include <clang/Basic/SourceManager.h>

#include "toolchain/plugin/passed_bodies.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;

namespace {

// What may write to a variable elsewhere than by its name.
struct Loan {
  const Stmt* to = nullptr;  // nullptr: nothing
  bool is_lasting = true;    // also later
};

// The parameter that `argument` initialises, or nullptr.
const ParmVarDecl* parameter_of(const Expr* call, const Stmt* argument) {
  const auto* construction = dyn_cast<CXXConstructExpr>(call);
  const auto* plain = dyn_cast<CallExpr>(call);
  const FunctionDecl* callee = construction != nullptr ? construction->getConstructor()
                               : plain != nullptr      ? plain->getDirectCallee()
                                                       : nullptr;
  if (callee == nullptr) return nullptr;
  const auto arguments = construction != nullptr
                             ? llvm::ArrayRef(construction->getArgs(), construction->getNumArgs())
                             : llvm::ArrayRef(plain->getArgs(), plain->getNumArgs());
  const auto found = llvm::find(arguments, argument);
  auto number = static_cast<unsigned>(found - arguments.begin());
  // The first argument of a member operator is the object.
  const auto* method = dyn_cast<CXXMethodDecl>(callee);
  if (isa<CXXOperatorCallExpr>(call) && method != nullptr && method->isInstance()) {
    if (number == 0) return nullptr;
    --number;
  }
  return found != arguments.end() && number < callee->getNumParams() ? callee->getParamDecl(number)
                                                                     : nullptr;
}

// The standard library's `const T &`: std::max and others only read it.
bool is_only_read(const ParmVarDecl* parameter) {
  return parameter != nullptr && parameter->getType()->isReferenceType() &&
         parameter->getType().getNonReferenceType().isConstQualified() &&
         parameter->getASTContext().getSourceManager().isInSystemHeader(parameter->getLocation());
}

// Who is given it during a call may write to it then; if the call returns something that may lead to it, also later.
Loan loan_by_call(const CallExpr* call) {
  const QualType type = call->getType();
  const bool is_number = type->isVoidType() || type->isArithmeticType() || type->isEnumeralType();
  return {call, call->isGLValue() || !is_number};
}

// Of a variable that is named, from there upwards: to be read, to be assigned to, or for something else?
Loan loan_of(const Expr* name, const FunctionBody& body) {
  const Stmt* at = name;
  for (const Stmt* above = body.parent(at); above != nullptr; at = above, above = body.parent(at)) {
    const auto* expression = dyn_cast<Expr>(above);
    if (const auto* cast = dyn_cast<CastExpr>(above)) {
      if (cast->getCastKind() == CK_LValueToRValue || cast->getCastKind() == CK_ToVoid) return {};
      if (cast->getCastKind() != CK_NoOp || !cast->isGLValue()) return {cast};
      continue;
    }
    if (const auto* operation = dyn_cast<UnaryOperator>(above);
        operation != nullptr && operation->getOpcode() == UO_AddrOf) {
      const Stmt* given = operation;
      const Stmt* taker = body.parent(given);
      while (isa_and_nonnull<ParenExpr, CastExpr>(taker)) {
        given = taker;
        taker = body.parent(given);
      }
      const auto* call = dyn_cast_or_null<CallExpr>(taker);
      return {operation, call == nullptr || loan_by_call(call).is_lasting};
    }
    if (const auto* asked = dyn_cast<GenericSelectionExpr>(above);
        asked != nullptr && asked->getResultExpr() != at)
      return {};
    if (isa<UnaryExprOrTypeTraitExpr, CXXTypeidExpr, CXXNoexceptExpr>(above)) return {};
    if (isa<ParenExpr, FullExpr, GenericSelectionExpr, ChooseExpr, UnaryOperator, BinaryOperator,
            AbstractConditionalOperator>(above)) {
      const auto* operation = dyn_cast<BinaryOperator>(above);
      const bool is_dropped =
          operation != nullptr && operation->getOpcode() == BO_Comma && operation->getLHS() == at;
      if (is_dropped || !expression->isGLValue()) return {};
      continue;
    }
    if (const auto* call = dyn_cast<CallExpr>(above)) {
      if (!is_only_read(parameter_of(call, at))) return loan_by_call(call);
      if (!call->isGLValue()) return {};
      continue;
    }
    if (isa<CXXConstructExpr>(above) && is_only_read(parameter_of(expression, at))) return {};
    if (isa<AsmStmt>(above)) return {above, false};
    const bool is_statement = expression == nullptr && !isa<DeclStmt, ReturnStmt>(above);
    return is_statement ? Loan{} : Loan{above};
  }
  return {at};
}

}  // namespace

const Stmt* above_parentheses(const Stmt* at, const FunctionBody& body) {
  const Stmt* above = body.parent(at);
  while (isa_and_nonnull<ParenExpr>(above)) above = body.parent(above);
  return above;
}

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
  find_jumps();
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
  if (auto* name = dyn_cast<DeclRefExpr>(at)) return visit_name(name);
  if (isa<GotoStmt, IndirectGotoStmt, SwitchStmt, GCCAsmStmt>(at)) return jumping_.push_back(at);
  if (auto* label = dyn_cast<AddrLabelExpr>(at)) return labels_taken_.push_back(label->getLabel());
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
}

// `&size`, `int &alias = size`, `[&] { ... }`: something else may write to it.
void FunctionBody::visit_name(DeclRefExpr* at) {
  auto* variable = dyn_cast<VarDecl>(at->getDecl());
  if (variable == nullptr) return;
  uses_[variable].push_back(at);
  const QualType type = variable->getType();
  if (!type->isArithmeticType() && !type->isEnumeralType()) return;
  const Loan loan = loan_of(at, *this);
  if (loan.to != nullptr) assign(variable, {loan.to, nullptr, nullptr, BO_Assign, loan.is_lasting});
}

void FunctionBody::visit_declaration(DeclStmt* at) {
  for (Decl* declaration : at->decls()) {
    if (auto* record = dyn_cast<CXXRecordDecl>(declaration)) nested.push_back(record);
    auto* variable = dyn_cast<VarDecl>(declaration);
    if (variable != nullptr && variable->hasAttr<BlocksAttr>())
      assign(variable, {at, nullptr, nullptr, BO_Assign, true});
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

void FunctionBody::find_jumps() {
  constexpr std::size_t kMostJumps = 1u << 15;  // more than anybody looks at
  const auto add = [&](const Stmt* at, const Stmt* label) {
    if (label != nullptr) jumps.push_back({at, label, order(at), order(label)});
  };
  std::vector<const Stmt*> computed;
  for (const Stmt* at : jumping_) {
    if (const auto* direct = dyn_cast<GotoStmt>(at)) {
      add(at, direct->getLabel()->getStmt());
    } else if (const auto* choice = dyn_cast<SwitchStmt>(at)) {
      for (const SwitchCase* one = choice->getSwitchCaseList(); one != nullptr;
           one = one->getNextSwitchCase())
        add(at, one);
    } else if (const auto* assembly = dyn_cast<GCCAsmStmt>(at)) {
      for (const AddrLabelExpr* label : assembly->labels()) add(at, label->getLabel()->getStmt());
    } else {
      computed.push_back(at);
    }
  }
  for (const LabelDecl* label : labels_taken_) {
    for (const Stmt* at : computed) {
      if (jumps.size() < kMostJumps) add(at, label->getStmt());
    }
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
