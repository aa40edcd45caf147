// SPDX-License-Identifier: Apache-2.0
//
// What is a size made of?
//
//     n * sizeof(struct item) + sizeof(struct list)      terms: item (multiple), list
//     offsetof(struct line, text[n + 1])                 terms: line (offset, open)
//     size_t n = sizeof *p; if (big) n += extra;  n      terms: *p; has_more
//     round_up(sizeof(struct page))                      what the function's source makes of it
//     (wide ? sizeof(struct w) : sizeof(struct n)) + k   w or n; has_more
//
// The tree has been type-checked, so each sizeof knows its type, template arguments included. Everything else is bytes.
//
// A local variable is what its assignments make of it. Of those before the use in the source the last one that no condition guards
// hides the earlier ones, if no jump leads past it; those after the use count only if a loop or a jump leads back.
//
// The work is bounded in depth and in steps: the size of a hostile expression costs no more than its bytes. Of a variable with thousands of ways to get a value nothing
// is known.
#include "toolchain/plugin/size_analysis.h"

#include <clang/AST/DeclCXX.h>
#include <clang/Basic/Builtins.h>
#include <clang/Basic/SourceManager.h>

#include <algorithm>

#include "toolchain/plugin/reaching.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr int kDeepest = 40;
constexpr unsigned kMostSteps = 4000;  // for one size
constexpr unsigned kMostParameters = 64;

// `switch (kind) { case A: return sizeof(a); case B: return sizeof(b); } return 0;`: the switch, if each of its cases returns; else nullptr.
const SwitchStmt* switch_before(const ReturnStmt* statement, const FunctionBody& body) {
  const auto* block = dyn_cast_or_null<CompoundStmt>(body.parent(statement));
  const bool is_last = block != nullptr && body.parent(block) == nullptr && block->size() > 1 &&
                       block->body_back() == statement;
  const auto* choice = is_last ? dyn_cast<SwitchStmt>(*(block->body_end() - 2)) : nullptr;
  const auto* cases = choice == nullptr ? nullptr : dyn_cast<CompoundStmt>(choice->getBody());
  if (cases == nullptr || cases->body_empty()) return nullptr;
  const Stmt* last = cases->body_back();
  while (const auto* label = dyn_cast<SwitchCase>(last)) last = label->getSubStmt();
  llvm::SmallVector<const Stmt*, 16> open{cases};
  while (!open.empty()) {
    const Stmt* at = open.pop_back_val();
    if (isa<BreakStmt, GotoStmt, IndirectGotoStmt, DefaultStmt>(at)) return nullptr;
    for (const Stmt* child : at->children()) {
      if (child != nullptr) open.push_back(child);
    }
  }
  return isa<ReturnStmt>(last) ? choice : nullptr;
}

// Of an allocator of one type, std::allocator<char> and its like: what it asks for is what it is for.
bool counts_elements(const FunctionDecl* function) {
  if (function == nullptr) return false;
  const ASTContext& context = function->getASTContext();
  if (!context.getLangOpts().CPlusPlus) return false;
  if (context.getSourceManager().isInSystemHeader(function->getLocation()))
    return function->isTemplateInstantiation();
  const auto* method = dyn_cast<CXXMethodDecl>(function);
  const IdentifierInfo* name = function->getIdentifier();
  return method != nullptr && name != nullptr && name->isStr("allocate") &&
         !method->getParent()->lookup(&context.Idents.get("value_type")).empty();
}

}  // namespace

// The function that an expression is in, and the call through which the analysis came to it.
struct SizeAnalysis::Frame {
  const FunctionBody* body = nullptr;
  const CallExpr* call = nullptr;
  const Frame* caller = nullptr;
};

SizeFacts SizeAnalysis::facts_of(const Expr* size, const FunctionBody& body) {
  steps_ = 0;
  return evaluate(size, Frame{&body, nullptr, nullptr}, 0);
}

SizeFacts SizeAnalysis::for_caller(const SizeFacts& facts, const CallExpr* call,
                                   const FunctionBody& caller) {
  SizeFacts result = facts;
  SizeFacts factors = constant_size(1);
  result.parameters = 0;
  result.multiplies_parameters = result.scales_parameters = result.counts_parameters = false;
  const SizeFacts number = facts.counts_parameters ? unknown_size() : constant_size(1);
  for (unsigned i = 0; i < kMostParameters; ++i) {
    if ((facts.parameters >> i & 1) == 0) continue;
    if (i >= call->getNumArgs()) return unknown_size();
    SizeFacts argument = facts_of(call->getArg(i), caller);
    if (facts.scales_parameters) argument = argument.without_choice();
    if (facts.multiplies_parameters) {
      factors = arithmetic_.product(factors, argument);
      continue;
    }
    argument = arithmetic_.product(argument, number);
    const bool both = !result.terms.empty() && !argument.terms.empty();
    result = both ? arithmetic_.either(result, argument) : arithmetic_.sum(result, argument, false);
  }
  return facts.multiplies_parameters
             ? arithmetic_.sum(result, arithmetic_.product(factors, number), false)
             : result;
}

SizeFacts SizeAnalysis::evaluate(const Expr* size, const Frame& frame, int depth) {
  if (size == nullptr || depth > kDeepest || ++steps_ > kMostSteps) return unknown_size();
  size = size->IgnoreParenCasts();
  ++depth;
  if (const auto* e = dyn_cast<ConstantExpr>(size)) return evaluate(e->getSubExpr(), frame, depth);
  if (const auto* e = dyn_cast<FullExpr>(size)) return evaluate(e->getSubExpr(), frame, depth);
  if (const auto* e = dyn_cast<SubstNonTypeTemplateParmExpr>(size))
    return evaluate(e->getReplacement(), frame, depth);
  if (const auto* e = dyn_cast<MaterializeTemporaryExpr>(size))
    return evaluate(e->getSubExpr(), frame, depth);
  if (const auto* e = dyn_cast<OpaqueValueExpr>(size))
    return evaluate(e->getSourceExpr(), frame, depth);
  if (const auto* e = dyn_cast<IntegerLiteral>(size)) {
    return constant_size(static_cast<std::int64_t>(e->getValue().getLimitedValue(1u << 30)));
  }
  if (const auto* e = dyn_cast<UnaryExprOrTypeTraitExpr>(size)) {
    if (e->getKind() != UETT_SizeOf) return unknown_size();
    SizeFacts facts;
    SizeTerm term{e->getTypeOfArgument().getNonReferenceType()};
    if (are_bytes(term.type, context_)) {
      term.is_element = frame.body != nullptr && counts_elements(frame.body->function());
      facts.bytes = arithmetic_.byte_count(term.type);
    }
    arithmetic_.add_term(facts, term);
    return facts;
  }
  if (const auto* e = dyn_cast<OffsetOfExpr>(size)) return offset_of(e);
  if (const auto* e = dyn_cast<GenericSelectionExpr>(size); e && !e->isResultDependent())
    return evaluate(e->getResultExpr(), frame, depth);
  if (const auto* e = dyn_cast<ChooseExpr>(size); e && !e->isConditionDependent())
    return evaluate(e->getChosenSubExpr(), frame, depth);
  if (const auto* e = dyn_cast<AbstractConditionalOperator>(size)) {
    return arithmetic_.either(evaluate(e->getTrueExpr(), frame, depth),
                              evaluate(e->getFalseExpr(), frame, depth));
  }
  if (const auto* e = dyn_cast<BinaryOperator>(size)) return evaluate_binary(e, frame, depth);
  if (const auto* e = dyn_cast<UnaryOperator>(size)) {
    const SizeFacts facts = evaluate(e->getSubExpr(), frame, depth);
    if (e->isIncrementDecrementOp()) return unknown_of(facts, {});
    // A mask, most likely; its value does not matter.
    return facts.is_constant() ? constant_size(0) : unknown_of(facts, {});
  }
  if (const auto* e = dyn_cast<DeclRefExpr>(size)) return evaluate_name(e, frame, depth);
  if (const auto* e = dyn_cast<MemberExpr>(size)) {
    const auto* variable = dyn_cast<VarDecl>(e->getMemberDecl());  // a static constant
    return variable == nullptr ? unknown_size() : evaluate_variable(variable, e, frame, depth);
  }
  if (const auto* e = dyn_cast<CallExpr>(size)) return evaluate_call(e, frame, depth);
  if (const auto* e = dyn_cast<StmtExpr>(size)) {
    const CompoundStmt* block = e->getSubStmt();
    const auto* last = block->body_empty() ? nullptr : dyn_cast<Expr>(block->body_back());
    return evaluate(last, frame, depth);
  }
  return unknown_size();
}

SizeFacts SizeAnalysis::evaluate_binary(const BinaryOperator* operation, const Frame& frame,
                                        int depth) {
  const BinaryOperatorKind kind = operation->getOpcode();
  if (kind == BO_Comma || kind == BO_Assign) return evaluate(operation->getRHS(), frame, depth);
  // `sizeof(table) / sizeof(table[0])` is a count, and `sizeof(char[is_array ? 1 : -1]) - 1` only a question to the compiler.
  Expr::EvalResult result;
  const bool may_be_count = kind == BO_Div || kind == BO_Sub;
  if (may_be_count && !operation->isValueDependent() &&
      operation->EvaluateAsInt(result, context_)) {
    const auto value = static_cast<std::int64_t>(result.Val.getInt().getLimitedValue(1u << 30));
    if (kind == BO_Div || value == 0) return constant_size(value);
  }
  const SizeFacts left = evaluate(operation->getLHS(), frame, depth);
  const SizeFacts right = evaluate(operation->getRHS(), frame, depth);
  if (is_rounding(operation)) return arithmetic_.padded(left);
  return arithmetic_.combine(
      operation->isCompoundAssignmentOp() ? BinaryOperator::getOpForCompoundAssignment(kind) : kind,
      left, right);
}

// `n & ~15`
bool SizeAnalysis::is_rounding(const BinaryOperator* operation) const {
  const Expr* mask = operation->getRHS();
  Expr::EvalResult result;
  const bool is_mask = operation->getOpcode() == BO_And && !mask->isValueDependent() &&
                       mask->EvaluateAsInt(result, context_);
  return is_mask && result.Val.getInt().isNegatedPowerOf2();
}

SizeFacts SizeAnalysis::evaluate_name(const DeclRefExpr* name, const Frame& frame, int depth) {
  const ValueDecl* declaration = name->getDecl();
  if (const auto* enumerator = dyn_cast<EnumConstantDecl>(declaration)) {
    if (enumerator->getInitExpr() != nullptr)
      return evaluate(enumerator->getInitExpr(), Frame{}, depth);
    return constant_size(enumerator->getInitVal().getExtValue());
  }
  const auto* variable = dyn_cast<VarDecl>(declaration);
  return variable == nullptr ? unknown_size() : evaluate_variable(variable, name, frame, depth);
}

SizeFacts SizeAnalysis::evaluate_variable(const VarDecl* variable, const Expr* use,
                                          const Frame& frame, int depth) {
  const bool is_ours = frame.body != nullptr && frame.body->function() != nullptr &&
                       variable->isLocalVarDeclOrParm() && !variable->isStaticLocal() &&
                       variable->getDeclContext() == frame.body->function();
  if (!is_ours) {
    const Expr* init = variable->getAnyInitializer();
    if (!variable->getType().getNonReferenceType().isConstQualified() && !variable->isConstexpr())
      return unknown_size();
    return is_sound(init) ? evaluate(init, Frame{}, depth) : unknown_size();
  }
  SizeFacts incoming = unknown_size();
  const auto* parameter = dyn_cast<ParmVarDecl>(variable);
  if (parameter != nullptr) {
    const unsigned index = parameter->getFunctionScopeIndex();
    if (frame.call != nullptr) {
      incoming = index < frame.call->getNumArgs()
                     ? evaluate(frame.call->getArg(index), *frame.caller, depth)
                     : unknown_size();
    } else if (index < kMostParameters && parameter->getType()->isIntegerType()) {
      incoming = constant_size(0);
      incoming.parameters = std::uint64_t{1} << index;
    }
  }
  // Of another variable, which may be assigned to under its own name.
  const bool is_alias =
      variable->getType()->isReferenceType() && parameter == nullptr &&
      !isa_and_nonnull<MaterializeTemporaryExpr>(
          variable->getInit() == nullptr ? nullptr : variable->getInit()->IgnoreParenCasts());
  if (is_alias || variable->getType().isVolatileQualified()) return unknown_size();
  constexpr std::size_t kMostWays = 20000;  // jumps, for each assignment
  const auto all = frame.body->assignments(variable);
  if (frame.body->jumps.size() * all.size() > kMostWays) return unknown_size();
  const Reaching found = reaching(*frame.body, variable, use);
  SizeFacts result;
  bool is_first = true;
  const auto take = [&](const SizeFacts& facts) {
    result = is_first ? facts : arithmetic_.either(result, facts);
    is_first = false;
  };
  if (parameter != nullptr && found.hiding == nullptr) take(incoming);
  const Assignment* loan = nullptr;  // the last one
  // `n += x`, `n *= x` change what the others assign; nearest first, so they are applied behind.
  std::vector<const Assignment*> changes;
  std::int64_t counted = 0;  // `n++`, `n--`
  bool is_counted = false;   // ... who knows how often
  for (const Assignment* how : found.values) {
    const bool is_change = how->second == nullptr && how->operation != BO_Assign;
    if (is_change && how->value == nullptr) {
      const bool is_once =
          is_always_before(*frame.body, *how, use) && !is_repeated(*frame.body, *how, nullptr);
      counted += !is_once ? 0 : how->operation == BO_AddAssign ? 1 : -1;
      is_counted |= !is_once;
    } else if (is_change) {
      changes.push_back(how);
    } else if (how->value == nullptr) {
      const bool is_later =
          loan == nullptr || how->is_lasting || (!loan->is_lasting && how->order > loan->order);
      if (is_later) loan = how;
      take(unknown_size());
    } else {
      SizeFacts facts = evaluate(how->value, frame, depth);
      if (how->second != nullptr)
        facts = arithmetic_.combine(how->operation, facts, evaluate(how->second, frame, depth));
      take(facts);
    }
  }
  if (is_first) return unknown_size();
  if (loan != nullptr) result = unknown_of(result, {});
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    const bool is_before = loan != nullptr && (loan->is_lasting || loan->order > (*change)->order);
    if (is_before) continue;
    const auto operation = BinaryOperator::getOpForCompoundAssignment((*change)->operation);
    SizeFacts value = evaluate((*change)->value, frame, depth);
    if (is_repeated(*frame.body, **change, found.hiding))
      value = arithmetic_.product(value, unknown_size());
    const SizeFacts changed = arithmetic_.combine(operation, result, value);
    // What is assigned behind it has not been changed.
    const bool is_last = std::none_of(
        found.values.begin(), found.values.end(),
        [&](const Assignment* how) { return is_whole(*how) && how->order > (*change)->order; });
    const bool is_sure = is_last && is_always_before(*frame.body, **change, use);
    result = is_sure ? changed : arithmetic_.either(result, changed);
  }
  if (counted != 0) result = arithmetic_.sum(result, constant_size(counted), false);
  result.has_more |= is_counted;
  return result;
}

// A function that is declared to compute a size of the one that it is told: that, and perhaps more.
std::optional<SizeFacts> SizeAnalysis::evaluate_declared(const CallExpr* call, const Frame& frame,
                                                         int depth) {
  const declarations::Declaration* declared = declared_.of(call->getDirectCallee());
  if (declared == nullptr || declared->role != declarations::Role::computes_size)
    return std::nullopt;
  const auto arguments = static_cast<int>(call->getNumArgs());
  if (declared->size() >= arguments || declared->count() >= arguments) return std::nullopt;
  const auto argument = [&](int n) {
    return evaluate(call->getArg(static_cast<unsigned>(n)), frame, depth);
  };
  SizeFacts facts = argument(declared->size());
  if (declared->unit != 1) facts = arithmetic_.product(facts, constant_size(declared->unit));
  if (declared->count() != declarations::Declaration::kNone)
    return arithmetic_.product(facts, argument(declared->count()));
  facts.has_more = true;
  return facts;
}

// A function that computes a size: what its source returns, or, where there is no source, something made of its arguments.
SizeFacts SizeAnalysis::evaluate_call(const CallExpr* call, const Frame& frame, int depth) {
  constexpr int kCost = 6;
  const FunctionDecl* callee = call->getDirectCallee();
  if (!call->getType()->isIntegerType()) return unknown_size();
  if (const auto declared = evaluate_declared(call, frame, depth + kCost)) return *declared;
  const FunctionBody* body =
      callee != nullptr && depth + kCost < kDeepest ? bodies_.of(callee) : nullptr;
  if (body != nullptr && !body->returns.empty() && body->returns.size() < 8) {
    const Frame inner{body, call, &frame};
    SizeFacts result;
    bool is_first = true;
    for (const ReturnStmt* statement : body->returns) {
      if (is_never_reached(statement, inner, depth + kCost)) continue;
      const SizeFacts facts = evaluate(statement->getRetValue(), inner, depth + kCost);
      result = is_first ? facts : arithmetic_.either(result, facts);
      is_first = false;
    }
    return result;
  }
  if (const unsigned builtin = callee == nullptr ? 0 : callee->getBuiltinID();
      builtin == Builtin::BI__builtin_expect || builtin == Builtin::BI__builtin_assume_aligned) {
    return evaluate(call->getArg(0), frame, depth);
  }
  SizeFacts result = unknown_size();
  for (const Expr* argument : call->arguments()) {
    if (!argument->getType()->isIntegerType()) continue;
    const SizeFacts facts = evaluate(argument, frame, depth + kCost).without_choice();
    result.parameters |= facts.parameters;
    result.scales_parameters |= facts.parameters != 0;
    result.has_lost_choice |= facts.has_lost_choice;
    if (facts.terms.empty()) continue;
    if (!result.terms.empty()) return noting_loss(unknown_size(), result, facts);
    result.terms = facts.terms;
    result.is_uncertain = true;
  }
  return result;
}

// Whether it is behind a switch that has a case for each value which it may be asked for here.
bool SizeAnalysis::is_never_reached(const ReturnStmt* statement, const Frame& frame, int depth) {
  const SwitchStmt* choice = switch_before(statement, *frame.body);
  const auto values = choice == nullptr ? std::nullopt : values_of(choice->getCond(), frame, depth);
  if (!values) return false;
  std::set<std::int64_t> cases;
  for (const SwitchCase* at = choice->getSwitchCaseList(); at; at = at->getNextSwitchCase()) {
    Expr::EvalResult result;
    const auto* one = cast<CaseStmt>(at);  // no default
    if (!one->getLHS()->isValueDependent() && one->getLHS()->EvaluateAsInt(result, context_))
      cases.insert(result.Val.getInt().getExtValue());
  }
  return std::includes(cases.begin(), cases.end(), values->begin(), values->end());
}

// All values that an expression may have, if these are certain to be a few small constants.
std::optional<std::set<std::int64_t>> SizeAnalysis::values_of(const Expr* expression,
                                                              const Frame& frame, int depth) {
  constexpr std::size_t kMost = 32;
  constexpr std::int64_t kLargest = 127;  // no conversion changes them
  if (expression == nullptr || depth > kDeepest || ++steps_ > kMostSteps) return std::nullopt;
  ++depth;
  std::set<std::int64_t> all;
  const auto add = [&](const Expr* one, const Frame& in) {
    const auto values = values_of(one, in, depth);
    if (values) all.insert(values->begin(), values->end());
    return values.has_value() && all.size() <= kMost;
  };
  expression = expression->IgnoreParenCasts();
  Expr::EvalResult result;
  if (!expression->isValueDependent() && expression->EvaluateAsInt(result, context_)) {
    const llvm::APSInt& value = result.Val.getInt();
    if (value.isNegative() || value.getActiveBits() > 63 || value.getExtValue() > kLargest)
      return std::nullopt;
    return std::set<std::int64_t>{value.getExtValue()};
  }
  if (const auto* choice = dyn_cast<ConditionalOperator>(expression)) {
    const bool are_known = add(choice->getTrueExpr(), frame) && add(choice->getFalseExpr(), frame);
    return are_known ? std::optional{all} : std::nullopt;
  }
  if (const auto* operation = dyn_cast<BinaryOperator>(expression)) {
    if (operation->getOpcode() != BO_And) return std::nullopt;
    const auto left = values_of(operation->getLHS(), frame, depth);
    const auto right = values_of(operation->getRHS(), frame, depth);
    if (!left || !right) return std::nullopt;
    for (const std::int64_t a : *left) {
      for (const std::int64_t b : *right) all.insert(a & b);
    }
    return all;
  }
  if (const auto* call = dyn_cast<CallExpr>(expression)) {
    const FunctionDecl* callee = call->getDirectCallee();
    const FunctionBody* body = callee == nullptr ? nullptr : bodies_.of(callee);
    if (body == nullptr || body->returns.empty()) return std::nullopt;
    const Frame inner{body, call, &frame};
    for (const ReturnStmt* statement : body->returns) {
      if (!add(statement->getRetValue(), inner)) return std::nullopt;
    }
    return all;
  }
  const VarDecl* variable = isa<DeclRefExpr>(expression) ? variable_named_by(expression) : nullptr;
  const bool is_ours = variable != nullptr && frame.body != nullptr &&
                       variable->hasLocalStorage() && !variable->getType().isVolatileQualified() &&
                       variable->getType()->isIntegerType() &&
                       variable->getDeclContext() == frame.body->function();
  if (!is_ours) return std::nullopt;
  if (const auto* parameter = dyn_cast<ParmVarDecl>(variable)) {
    const unsigned index = parameter->getFunctionScopeIndex();
    if (frame.call == nullptr || index >= frame.call->getNumArgs()) return std::nullopt;
    if (!add(frame.call->getArg(index), *frame.caller)) return std::nullopt;
  }
  for (const Assignment& how : frame.body->assignments(variable)) {
    const bool is_plain = how.operation == BO_Assign && how.second == nullptr;
    if (!is_plain || !add(how.value, frame)) return std::nullopt;
  }
  return all.empty() ? std::nullopt : std::optional{all};
}

SizeFacts SizeAnalysis::offset_of(const OffsetOfExpr* expression) const {
  SizeTerm term{expression->getTypeSourceInfo()->getType()};
  term.is_offset = true;
  const FieldDecl* field = nullptr;
  for (unsigned i = 0; i < expression->getNumComponents(); ++i) {
    const OffsetOfNode& node = expression->getComponent(i);
    if (node.getKind() == OffsetOfNode::Field) field = node.getField();
    if (node.getKind() == OffsetOfNode::Identifier) return unknown_size();
  }
  if (field != nullptr && field->getType()->isArrayType()) {
    bool is_last = true;
    bool is_behind = false;
    for (const FieldDecl* other : field->getParent()->fields()) {
      if (is_behind) is_last = false;
      if (other == field) is_behind = true;
    }
    term.is_open = is_last;
  }
  SizeFacts facts;
  arithmetic_.add_term(facts, term);
  return facts;
}

}  // namespace allocs::plugin
