// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/allocation_calls.h"

#include <clang/AST/Attr.h>
#include <clang/Basic/Builtins.h>

#include <algorithm>

#include "declarations/not_allocators.h"
#include "toolchain/plugin/site_choice.h"

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr int kNone = -1;

struct Arguments {
  int size = kNone;
  int count = kNone;
  int stored = kNone;
};

// Of a function that is declared to hand out what its caller asks for.
Arguments arguments_of(const declarations::Declaration& declared) {
  return {declared.size(), declared.count(), declared.stored()};
}

bool is_global_or_std(const FunctionDecl* function) {
  return function->getDeclContext()->getRedeclContext()->isTranslationUnit() ||
         function->isInStdNamespace();
}

bool is_operator_new(const FunctionDecl* function) {
  const OverloadedOperatorKind kind = function->getOverloadedOperator();
  return kind == OO_New || kind == OO_Array_New;
}

// alloca and its like hand out a part of the frame; the others return what they were given.
bool is_ruled_out(const FunctionDecl* callee) {
  if (callee->getBuiltinID() != 0) return true;
  if (callee->isReservedGlobalPlacementOperator()) return true;
  const IdentifierInfo* name = callee->getIdentifier();
  return name != nullptr && declarations::is_no_allocator(name->getName());
}

bool is_count(QualType type) {
  return type->isIntegerType() && !type->isEnumeralType() && !type.isConstQualified() &&
         !type->isBooleanType() && !is_byte_type(type);
}

// An unsigned number as wide as a size_t.
bool is_size(QualType type, const ASTContext& context) {
  return type->isUnsignedIntegerType() &&
         context.getTypeSize(type) == context.getTypeSize(context.getSizeType());
}

// Whether the function returns it as it is, as memory of any type.
bool is_result(const Target& target) {
  const bool is_raw = target.type.isNull() || target.is_bytes;
  return !target.has_conflict &&
         (target.is_handed_on_raw || (target.is_given_to_caller() && is_raw));
}

bool is_first_parameter(const SizeFacts& size) {
  const bool is_alone = size.terms.empty() && size.bytes == 0 && !size.has_more;
  return is_alone && size.parameters == 1 && !size.scales_parameters;
}

}  // namespace

bool keeps_own_bytes(const SizeFacts& size, const Target& target) {
  return size.has_own_part && target.is_bytes && target.is_used_as_bytes;
}

std::optional<std::uint64_t> AllocationCalls::constant_of(const Expr* size) const {
  Expr::EvalResult result;
  if (!size->EvaluateAsInt(result, context_)) return std::nullopt;
  return result.Val.getInt().getLimitedValue();
}

std::optional<Request> AllocationCalls::request_of(const CallExpr* call, const FunctionBody& body) {
  auto request = find_request(call, body);
  if (!request) return request;
  SizeFacts size = sizes_.arithmetic().without_characters(request->size);
  if (size.terms.size() == request->size.terms.size()) return request;
  request->with_characters = std::move(request->size);
  request->size = std::move(size);
  return request;
}

std::optional<Request> AllocationCalls::find_request(const CallExpr* call,
                                                     const FunctionBody& body) {
  const FunctionDecl* callee = call->getDirectCallee();
  if (callee != nullptr) {
    const declarations::Declaration* declared = declared_.of(callee);
    const bool is_told = declared != nullptr && declared->role == declarations::Role::allocates &&
                         !declared->is_wrapper();
    if (is_told) return std::nullopt;  // what it allocates is declared: nothing to be found out
    if (auto request = known_request(call, callee, body)) return request;
    if (auto request = attributed_request(call, callee, body)) return request;
    if (const Wrapper* known = wrapper(callee)) {
      const auto at = known->stored_by_parameter;
      if (at && *at >= call->getNumArgs()) return std::nullopt;
      return Request{known->allocator,
                     sizes_.for_caller(known->size, call, body),
                     {},
                     at ? call->getArg(*at) : nullptr,
                     {},
                     false};
    }
    if (is_ruled_out(callee)) return std::nullopt;
  }
  auto request = possible_request(call, body);
  if (request) request->pool = pool_behind(callee);
  return request;
}

const Pool* AllocationCalls::pool_of(const CallExpr* call, const FunctionBody& body) {
  const Pool* found =
      body.function() == nullptr || wrapper(body.function()) != nullptr ? nullptr : pool(body);
  return found != nullptr && found->call == call ? found : nullptr;
}

const Pool* AllocationCalls::pool_behind(const FunctionDecl* function) {
  const bool may_be_one = function != nullptr && bodies_.may_hold_site(function);
  const FunctionBody* body = may_be_one ? bodies_.of(function) : nullptr;
  return body == nullptr ? nullptr : pool(*body);
}

const Pool* AllocationCalls::pool(const FunctionBody& body) {
  const auto [known, is_new] = pools_.try_emplace(&body, nullptr);  // recursion ends here
  if (!is_new) return known->second.get();
  for (const CallExpr* call : body.calls) {
    const auto found = pool_around(call, body, context_);
    if (!found || !request_of(call, body)) continue;
    auto kept = std::make_unique<Pool>(*found);
    const Pool* const result = kept.get();
    pools_[&body] = std::move(kept);
    return result;
  }
  return nullptr;
}

std::optional<Request> AllocationCalls::alloca_request_of(const CallExpr* call,
                                                          const FunctionBody& body) {
  const FunctionDecl* callee = call->getDirectCallee();
  switch (callee == nullptr ? 0 : callee->getBuiltinID()) {
    case Builtin::BIalloca:
    case Builtin::BI__builtin_alloca:
    case Builtin::BI__builtin_alloca_uninitialized:
    case Builtin::BI__builtin_alloca_with_align:
    case Builtin::BI__builtin_alloca_with_align_uninitialized:
      break;
    default:
      return std::nullopt;
  }
  if (call->getNumArgs() == 0 || !call->getArg(0)->getType()->isIntegerType()) return std::nullopt;
  Request request;
  request.size = sizes_.facts_of(call->getArg(0), body);
  request.bytes = constant_of(call->getArg(0));
  return request;
}

std::optional<Request> AllocationCalls::known_request(const CallExpr* call,
                                                      const FunctionDecl* callee,
                                                      const FunctionBody& body) {
  std::optional<Arguments> arguments;
  const declarations::Declaration* declared = nullptr;
  if (callee->getBuiltinID() == Builtin::BI__builtin_operator_new) {
    arguments = Arguments{0};
  } else if (is_global_or_std(callee) && is_operator_new(callee)) {
    if (callee->isReservedGlobalPlacementOperator()) return std::nullopt;
    arguments = Arguments{0};
  } else if (declared = declared_.of(callee); declared != nullptr && declared->hands_out()) {
    arguments = arguments_of(*declared);
  }
  if (!arguments) return std::nullopt;
  const auto count = static_cast<int>(call->getNumArgs());
  if (arguments->size >= count || arguments->count >= count || arguments->stored >= count)
    return std::nullopt;
  const auto argument = [&](int index) { return call->getArg(static_cast<unsigned>(index)); };
  if (arguments->size == kNone) return request_without_size(call, arguments->stored);
  const Expr* size = argument(arguments->size);
  const Expr* number = arguments->count == kNone ? nullptr : argument(arguments->count);
  const bool returns_block = arguments->stored == kNone && call->getType()->isPointerType();
  if (!size->getType()->isIntegerType()) return std::nullopt;
  if (!returns_block && arguments->stored == kNone) return std::nullopt;
  Request request;
  request.size = sizes_.facts_of(size, body);
  request.bytes = constant_of(size);
  if (number != nullptr) {
    request.size = sizes_.arithmetic().product(request.size, sizes_.facts_of(number, body));
    const auto times = constant_of(number);
    request.bytes = request.bytes && times ? std::optional{*request.bytes * *times} : std::nullopt;
  }
  if (declared != nullptr && declared->unit != 1) {
    SizeFacts unit;
    unit.bytes = declared->unit;
    request.size = sizes_.arithmetic().product(request.size, unit);
    if (request.bytes) *request.bytes *= static_cast<std::uint64_t>(declared->unit);
  }
  if (declared != nullptr && declared->may_be_counted()) {
    request.bytes.reset();
    for (SizeTerm& term : request.size.terms) term.is_multiple = true;
  }
  if (arguments->stored != kNone) request.stored_at = argument(arguments->stored);
  return request;
}

// Of a function that is declared to allocate, but not how much.
std::optional<Request> AllocationCalls::request_without_size(const CallExpr* call, int stored) {
  Request request;
  request.size.has_more = true;
  if (stored != kNone) {
    request.stored_at = call->getArg(static_cast<unsigned>(stored));
  } else if (!call->getType()->isPointerType()) {
    return std::nullopt;
  }
  return request;
}

bool AllocationCalls::is_object_of_new(const Request& request, const Target& target,
                                       const FunctionBody& body) {
  const bool is_of_object = (request.size.parameters & 1) != 0;
  return body.function() != nullptr && is_operator_new(body.function()) && is_of_object &&
         is_result(target);
}

bool AllocationCalls::is_object_of_new(const CXXNewExpr* expression, const FunctionBody& body) {
  const bool is_in_one = body.function() != nullptr && is_operator_new(body.function());
  if (!is_in_one || !expression->isArray() || !is_byte_type(expression->getAllocatedType()))
    return false;
  const std::optional<const Expr*> number = expression->getArraySize();
  if (!number || *number == nullptr) return false;
  Request request;
  request.size = sizes_.facts_of(*number, body);
  return is_object_of_new(request, target_of(expression, body, context_), body);
}

bool AllocationCalls::asks_for_more(const FunctionDecl* operator_new) {
  const FunctionBody* body = bodies_.of(operator_new);
  if (body == nullptr || operator_new->isReplaceableGlobalAllocationFunction()) return false;
  const bool is_changed = operator_new->getNumParams() == 0 ||
                          !body->assignments(operator_new->getParamDecl(0)).empty();
  return llvm::any_of(body->calls, [&](const CallExpr* call) {
    const auto request = request_of(call, *body);
    if (!request || request->size.parameters == 0 || request->stored_at != nullptr) return false;
    // How a size is made that is perhaps none is only known if it tells a type.
    const bool is_known = request->allocator == Allocator::known || !request->size.terms.empty();
    return is_known && (is_changed || !is_first_parameter(request->size)) &&
           is_result(target_of(call, *body, context_));
  });
}

bool AllocationCalls::is_for_callers(const FunctionDecl* function) {
  const declarations::Declaration* declared = declared_.of(function);
  return declared != nullptr && declared->is_users && declared->is_wrapper();
}

std::optional<Request> AllocationCalls::attributed_request(const CallExpr* call,
                                                           const FunctionDecl* callee,
                                                           const FunctionBody& body) {
  if (!call->getType()->isPointerType()) return std::nullopt;
  const auto* sized = callee->getAttr<AllocSizeAttr>();
  if (sized == nullptr) return std::nullopt;
  const auto argument = [&](ParamIdx index) -> const Expr* {
    const unsigned at = index.getASTIndex();
    return at < call->getNumArgs() ? call->getArg(at) : nullptr;
  };
  const Expr* size = argument(sized->getElemSizeParam());
  if (size == nullptr) return std::nullopt;
  Request request;
  request.size = sizes_.facts_of(size, body);
  if (sized->getNumElemsParam().isValid()) {
    const Expr* count = argument(sized->getNumElemsParam());
    if (count == nullptr) return std::nullopt;
    request.size = sizes_.arithmetic().product(request.size, sizes_.facts_of(count, body));
  }
  return request;
}

// Some other function, or one behind a pointer, that returns memory and is told a size: an argument made of sizeof, or a
// parameter of the function that calls it. If it allocates nothing, no harm is done: only blocks whose size was handed on through
// wrappers look for their type here.
std::optional<Request> AllocationCalls::possible_request(const CallExpr* call,
                                                         const FunctionBody& body) {
  const QualType result = call->getType();
  if (!result->isPointerType() || result->getPointeeType()->isFunctionType()) return std::nullopt;
  const FunctionDecl* callee = call->getDirectCallee();
  const bool is_declared_one = callee != nullptr && callee->hasAttr<RestrictAttr>();
  SizeFacts size;
  bool has_terms = false;
  bool has_number = false;
  // Sizes are rather the last arguments.
  for (unsigned i = call->getNumArgs(); i-- > 0 && !has_terms;) {
    const Expr* argument = call->getArg(i);
    if (!argument->getType()->isIntegerType() || argument->getType()->isBooleanType()) continue;
    has_number = true;
    SizeFacts facts = sizes_.arithmetic().without_characters(sizes_.facts_of(argument, body));
    has_terms = facts.has_positive_term();
    if (has_terms) {
      size = facts;
    } else {
      size.parameters |= facts.parameters;
      size.has_own_part |= facts.has_own_part;
      size.has_more = true;
    }
  }
  if (!has_number || (!has_terms && !call->getType()->isVoidPointerType())) return std::nullopt;
  // Written `get(n, sizeof(T))` or `grow(old, &n, sizeof(T))` the count is another argument; a constant there is rather a flag or a tag.
  // One of several types with bytes behind it is the size of no element.
  const bool is_whole =
      size.has_choice() && (size.has_more || size.parameters != 0 || size.bytes != 0);
  if (size.terms.size() == 1 && !size.terms[0].is_multiple && !is_whole) {
    const auto is_count_by_reference = [](const ParmVarDecl* parameter) {
      const auto* reference = parameter->getType()->getAs<LValueReferenceType>();
      return reference != nullptr && is_count(reference->getPointeeType());
    };
    if (callee != nullptr && llvm::any_of(callee->parameters(), is_count_by_reference))
      size.terms[0].is_multiple = true;
    for (const Expr* argument : call->arguments()) {
      const QualType type = argument->getType();
      if (type->isPointerType() && is_count(type->getPointeeType()))
        size.terms[0].is_multiple = true;
      if (!type->isIntegerType()) continue;
      const SizeFacts facts = sizes_.facts_of(argument, body);
      if (!facts.has_positive_term() && !facts.is_constant()) size.terms[0].is_multiple = true;
    }
    if (!size.terms[0].is_multiple && is_told_more_bytes(call, size.terms[0].type, body)) {
      size.has_more = true;
      size.is_uncertain = true;
    }
  }
  return Request{is_declared_one ? Allocator::known : Allocator::perhaps,
                 size,
                 {},
                 nullptr,
                 {},
                 !is_raw_pointer(result)};
}

// `more(pool, sizeof(T), 4096)`: another argument may be the number of bytes, and the block begin with a T, or with what looks after the T's in it.
bool AllocationCalls::is_told_more_bytes(const CallExpr* call, QualType type,
                                         const FunctionBody& body) {
  if (type->isIncompleteType()) return false;
  const std::int64_t least = context_.getTypeSizeInChars(type).getQuantity();
  return llvm::any_of(call->arguments(), [&](const Expr* argument) {
    if (!is_size(argument->getType(), context_)) return false;
    const SizeFacts facts = sizes_.facts_of(argument, body);
    return facts.is_constant() && facts.bytes > least;
  });
}

bool AllocationCalls::is_declared_allocator(const FunctionDecl* function) {
  const declarations::Declaration* declared = declared_.of(function);
  return declared != nullptr && declared->hands_out();
}

bool AllocationCalls::never_allocates(const FunctionDecl* function) {
  return is_ruled_out(function);
}

// It is told a number, and returns memory or stores its address at another argument.
bool AllocationCalls::may_be_wrapper(const FunctionDecl* function) {
  const auto is_number = [](const ParmVarDecl* parameter) {
    return parameter->getType()->isIntegerType() || parameter->getType()->isEnumeralType();
  };
  return std::any_of(function->param_begin(), function->param_end(), is_number) &&
         (function->getReturnType()->isPointerType() || function->getNumParams() > 1);
}

const AllocationCalls::Wrapper* AllocationCalls::wrapper(const FunctionDecl* function) {
  if (!bodies_.may_hold_site(function)) return nullptr;
  const FunctionBody* body = bodies_.of(function);
  if (body == nullptr || body->calls.empty()) return nullptr;
  const auto [known, is_new] = wrappers_.try_emplace(body, std::nullopt);  // recursion ends here
  if (is_new) {
    std::optional<Wrapper> found;
    for (const CallExpr* call : body->calls) {
      found = wrapper_around(call, *body);
      if (found) break;
    }
    wrappers_[body] = found;
  }
  const std::optional<Wrapper>& found = wrappers_[body];
  return found ? &*found : nullptr;
}

// A function that returns what a call through a pointer returned needs no mention here: its callers' calls may allocate in any case.
// One that stores it (`*out = hooks.get(n)`) does.
std::optional<AllocationCalls::Wrapper> AllocationCalls::wrapper_around(const CallExpr* call,
                                                                        const FunctionBody& body) {
  const bool is_through_pointer =
      call->getDirectCallee() == nullptr && call->getType()->isVoidPointerType();
  const auto request = request_of(call, body);
  if (!request || request->size.parameters == 0) return std::nullopt;
  const bool is_known = request->allocator == Allocator::known;
  if (!is_known && !is_through_pointer) return std::nullopt;
  if (request->stored_at == nullptr && !call->getType()->isPointerType()) return std::nullopt;
  const Target target = request->stored_at == nullptr
                            ? target_of(call, body, context_)
                            : target_stored_at(request->stored_at, body, context_);
  // Whatever pointer keeps it here, that is the type of the least there is, or of what the size is counted in.
  const bool is_any_raw =
      (request->size.has_floor || request->size.is_rounded) && target.is_handed_on_raw;
  const bool is_raw = target.type.isNull() || target.is_bytes;
  if (target.has_conflict || !(is_raw || is_any_raw)) return std::nullopt;
  SizeFacts size = about_beginning(request->size, target, context_);
  if (size.has_positive_term() && !size.has_floor && !size.is_rounded) return std::nullopt;
  size = size.without_floor();
  if (target.is_returned || is_any_raw) {
    const bool returns_bytes = is_raw_pointer(body.function()->getReturnType());
    const bool is_wrapper = is_known && returns_bytes && !keeps_own_bytes(size, target);
    return is_wrapper ? std::optional{Wrapper{size, Allocator::known, {}}} : std::nullopt;
  }
  if (!target.stored_by_parameter) return std::nullopt;
  return Wrapper{size, request->allocator, target.stored_by_parameter};
}

}  // namespace allocs::plugin
