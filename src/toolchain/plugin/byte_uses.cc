// SPDX-License-Identifier: Apache-2.0
//
// Is it bytes?
//
// `char *p = malloc(n)` says little: programs keep memory of any type in a `char *`. What they do with it says more:
//
//     p[i] = c;  *p++;  strcpy(p, s);  read(file, p + n, k);           as bytes
//     (struct head *)p;  (struct item *)(p + n);  object = p;          as something else
//     memcpy(p, x, n);  free(p);  q = p + n;  s->text = p;  if (p)     as anything
//
// So the block's address is followed forward, through variables, members of any object, results of functions, as far as they are pointers to bytes, over all of
// the unit's own source file, into the functions that it is given to. If some use is as bytes and none is as anything else, the block is believed to be bytes. If it is
// made a pointer to structures or to pointers, and no use is as bytes, it is not, whatever else it is. What is not followed leaves it open: an element, what a pointer leads to, a union, a
// `void *`, the address of a variable, functions of other files with a `void *` for it.
// No use at all is a `const void *` of a function that is not seen, if it is told behind it how many bytes to read, as `write` is, and if no other parameter could take
// the address out (`struct item **`, `size_t *`): it reads what the file has put there itself. Its result is followed where that may be the address. Who is told no
// length may keep the address for others to ask for, as containers do; who is told another function to call may give it the address as anything. What a pointer
// calls may be any function of the file that has its type.
// Exceptions are what the system's headers declare, which are known not to look at it otherwise (`memcpy`, `iovec.iov_base`), and what frees or resizes memory by
// its name. Given to one of those that read and write files, an address some bytes into the block is a use as bytes.
//
// What other files do with a member or a result is not seen. In C++, where bytes are asked for by `new char[n]`, nothing is confirmed.
#include "toolchain/plugin/byte_uses.h"

#include <clang/AST/Attr.h>
#include <clang/Basic/SourceManager.h>

#include <functional>
#include <set>

#include "toolchain/plugin/passed_bodies.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;

namespace {

bool points_to_bytes(QualType type) {
  return type->isPointerType() && is_byte_type(type->getPointeeType());
}

// Packed structures are also ways to read numbers of any bytes.
bool points_to_object(QualType type) {
  if (!type->isPointerType()) return false;
  const QualType pointee = type->getPointeeType();
  const RecordDecl* record = pointee->getAsRecordDecl();
  const bool is_view =
      record != nullptr && (record->hasAttr<PackedAttr>() || record->hasAttr<MayAliasAttr>());
  return !is_view && (record != nullptr || pointee->isPointerType());
}

// An address may be kept in it: one of type uintptr_t, or as wide and unsigned. Other signed ones are counts.
bool is_number_of_address(QualType type, const ASTContext& context) {
  if (!type->isIntegerType() || context.getTypeSize(type) < context.getTypeSize(context.VoidPtrTy))
    return false;
  for (QualType at = type; const auto* alias = at->getAs<TypedefType>(); at = alias->desugar()) {
    if (alias->getDecl()->getName() == "intptr_t") return true;
  }
  return type->isUnsignedIntegerOrEnumerationType();
}

// Whether one could store an address where a parameter of that type points, to be found there as one.
bool may_give_out_address(QualType type, const ASTContext& context) {
  if (!type->isPointerType()) return false;
  QualType pointee = type->getPointeeType();
  while (const auto* array = context.getAsArrayType(pointee)) pointee = array->getElementType();
  return !pointee.isConstQualified() &&
         (pointee->isPointerType() || is_number_of_address(pointee, context));
}

// Whether a function that is not seen reads what its parameter `number`, a `const void *`, points to and keeps the address from everyone: it is told behind it how many bytes
// to read, as `write` is, and cannot give an address out but as its result.
bool is_only_read(const FunctionProtoType* prototype, unsigned number, const ASTContext& context) {
  const auto parameters = prototype->param_types();
  if (prototype->isVariadic() || number + 1 >= parameters.size()) return false;
  const QualType length = parameters[number + 1];
  const bool is_told_length =
      length->isIntegerType() &&
      context.getTypeSize(length) == context.getTypeSize(context.getSizeType());
  const QualType result = prototype->getReturnType();
  return is_told_length && (result->isVoidType() || result->isScalarType()) &&
         llvm::none_of(parameters,
                       [&](QualType type) { return may_give_out_address(type, context); });
}

bool is_for_reading(QualType type) {
  return type->isVoidPointerType() && type->getPointeeType().isConstQualified();
}

// Whether one is told a function to call.
bool is_told_function(const FunctionProtoType* prototype) {
  return llvm::any_of(prototype->param_types(), [](QualType type) {
    return type->isFunctionPointerType() || type->isBlockPointerType();
  });
}

// Follows one block's address.
class Follower {
 public:
  using BodiesNaming = llvm::function_ref<std::vector<const FunctionBody*>(const IdentifierInfo*)>;
  using BodyOf = llvm::function_ref<const FunctionBody*(const FunctionDecl*)>;
  using BodiesLike = llvm::function_ref<std::vector<const FunctionBody*>(const FunctionProtoType*)>;
  Follower(const ASTContext& context, BodiesNaming naming, BodyOf body_of, BodiesLike like)
      : context_(context), naming_(naming), body_of_(body_of), like_(like) {}

  void follow(const Stmt* value, const FunctionBody& body) {
    is_moved_ = false;
    for (const Stmt* at = value; at != nullptr && !(is_access_ && is_other_); at = step(at, body)) {
      if (++steps_ <= kMostSteps) continue;
      is_other_ = true;
      return;
    }
  }
  void receive(const Expr* place, const FunctionBody& body) {
    place = place->IgnoreParens();
    if (is_parameter_of_system(place)) {
      is_access_ |= is_moved_;
    } else if (const auto* name = dyn_cast<DeclRefExpr>(place)) {
      receive(dyn_cast<VarDecl>(name->getDecl()), body);
    } else if (!points_to_bytes(place->getType()) && !is_for_reading(place->getType())) {
      is_other_ = true;
    } else if (const auto* member = dyn_cast<MemberExpr>(place)) {
      receive(dyn_cast<FieldDecl>(member->getMemberDecl()));
    } else {
      is_other_ = true;
    }
  }

  UseAsBytes use() {
    while (!open_.empty() && !(is_access_ && is_other_) && steps_ <= kMostSteps) {
      const std::function<void()> next = std::move(open_.back());
      open_.pop_back();
      next();
    }
    // `p = chunk; chunk += n; return p;`: it is cut in pieces, and other files know what for.
    is_other_ |= is_cut_ && is_given_out_;
    if (is_access_) return is_other_ ? UseAsBytes::open : UseAsBytes::nothing_else;
    if (steps_ > kMostSteps) return UseAsBytes::open;
    return is_contradicted_ ? UseAsBytes::something_else : UseAsBytes::none;
  }

 private:
  static constexpr int kMostSteps = 4096;

  void receive(const VarDecl* variable, const FunctionBody& body) {
    const bool is_known = variable != nullptr &&
                          (points_to_bytes(variable->getType()) ||
                           (variable->hasLocalStorage() && is_for_reading(variable->getType())));
    const bool is_for_anything = variable != nullptr && variable->hasLocalStorage() &&
                                 variable->getType()->isVoidPointerType();
    is_other_ |= !is_known;  // but what a local one is made may be seen
    if (!is_known && !is_for_anything) {
      return;
    } else if (!seen_.insert(variable).second) {
      return;
    } else if (variable->hasLocalStorage() || variable->isStaticLocal()) {
      open_.emplace_back([this, variable, &body] { follow_uses(variable, body); });
    } else {
      const VarDecl* first = variable->getCanonicalDecl();
      open_.emplace_back([this, first] {
        for (const FunctionBody* other : naming_(first->getIdentifier())) {
          for (const VarDecl* one : first->redecls()) follow_uses(one, *other);
        }
      });
    }
  }
  void follow_uses(const VarDecl* variable, const FunctionBody& body) {
    for (const DeclRefExpr* use : body.uses(variable)) follow(use, body);
  }
  void receive(const FieldDecl* field) {
    if (field == nullptr || field->getParent()->isUnion() || !points_to_bytes(field->getType())) {
      is_other_ = true;
    } else if (seen_.insert(field).second) {
      open_.emplace_back([this, field] {
        for (const FunctionBody* body : naming_(field->getIdentifier())) {
          for (const MemberExpr* use : body->byte_members(field)) follow(use, *body);
        }
      });
    }
  }
  // A variable of the whole file, or of all calls of a function.
  static bool is_kept(const Expr* place) {
    const auto* name = dyn_cast<DeclRefExpr>(place->IgnoreParens());
    const auto* variable = name == nullptr ? nullptr : dyn_cast<VarDecl>(name->getDecl());
    return variable != nullptr && !variable->hasLocalStorage();
  }

  void return_from(const FunctionDecl* function) {
    is_given_out_ |= function != nullptr && function->isExternallyVisible();
    if (function == nullptr || !points_to_bytes(function->getReturnType())) {
      is_other_ = true;
    } else if (seen_.insert(function->getCanonicalDecl()).second) {
      open_.emplace_back([this, function] {
        for (const FunctionBody* body : naming_(function->getIdentifier())) {
          for (const CallExpr* call : body->calls) {
            const FunctionDecl* callee = call->getDirectCallee();
            if (callee != nullptr && callee->getCanonicalDecl() == function->getCanonicalDecl())
              follow(call, *body);
          }
        }
      });
    }
  }

  // A `void *` member of a structure that the system declares.
  bool is_parameter_of_system(const Expr* place) const {
    const auto* member = dyn_cast<MemberExpr>(place);
    return member != nullptr && place->getType()->isVoidPointerType() &&
           !cast<FieldDecl>(member->getMemberDecl())->getParent()->isUnion() &&
           context_.getSourceManager().isInSystemHeader(member->getMemberDecl()->getLocation());
  }

  // One step up from `at`, whose value is an address in the block. nullptr: the way ends here.
  const Stmt* step(const Stmt* at, const FunctionBody& body) {
    if (const VarDecl* variable = body.slot(at).variable) {
      receive(variable, body);
      return nullptr;
    }
    const Stmt* above = body.parent(at);
    if (above == nullptr) return other();
    if (isa<ParenExpr, FullExpr, OpaqueValueExpr, StmtExpr>(above)) return above;
    if (const auto* cast = dyn_cast<CastExpr>(above)) return step_through(cast);
    if (const auto* operation = dyn_cast<BinaryOperator>(above))
      return step_through(operation, at, body);
    if (const auto* operation = dyn_cast<UnaryOperator>(above))
      return step_through(operation, body);
    if (const auto* element = dyn_cast<ArraySubscriptExpr>(above))
      return element->getBase() == at ? access(element, body) : other();
    if (const auto* choice = dyn_cast<AbstractConditionalOperator>(above)) {
      const auto* common = dyn_cast<BinaryConditionalOperator>(choice);
      const bool is_value = choice->getCond() != at || common != nullptr;
      return is_value ? above : nullptr;
    }
    if (const auto* call = dyn_cast<CallExpr>(above)) return give(call, at, body);
    if (const auto* list = dyn_cast<InitListExpr>(above)) return give(list, at);
    if (isa<ReturnStmt>(above)) {
      return_from(body.function());
      return nullptr;
    }
    if (isa<CompoundStmt>(above)) {
      const auto* outer = dyn_cast_or_null<StmtExpr>(body.parent(above));
      const bool is_value = outer != nullptr && cast<CompoundStmt>(above)->body_back() == at;
      return is_value ? outer : nullptr;
    }
    return isa<Expr, AsmStmt>(above) ? other() : nullptr;  // a condition, or nobody looks at it
  }

  const Stmt* step_through(const CastExpr* cast) {
    switch (cast->getCastKind()) {
      case CK_LValueToRValue:
        return cast;
      case CK_BitCast:
      case CK_NoOp:
        if (cast->getType()->isVoidPointerType() || points_to_bytes(cast->getType())) return cast;
        is_contradicted_ |= points_to_object(cast->getType());
        return other();
      case CK_PointerToBoolean:
      case CK_IntegralToBoolean:
      case CK_ToVoid:
        return nullptr;
      default:
        return other();
    }
  }

  const Stmt* step_through(const BinaryOperator* operation, const Stmt* at,
                           const FunctionBody& body) {
    if (operation->getOpcode() == BO_Comma) return operation->getRHS() == at ? operation : nullptr;
    if (operation->getOpcode() == BO_Assign) {
      if (operation->getLHS() == at) return nullptr;
      receive(operation->getLHS(), body);
      return operation;
    }
    if (operation->isComparisonOp() || operation->isLogicalOp()) return nullptr;
    if (operation->isCompoundAssignmentOp()) {
      is_cut_ |= is_kept(operation->getLHS());
      return operation->getLHS() == at ? operation : other();
    }
    if (!operation->isAdditiveOp()) return other();
    is_moved_ = true;
    const bool is_distance =
        !operation->getType()->isPointerType() && cast<Expr>(at)->getType()->isPointerType();
    return is_distance ? nullptr : operation;
  }

  const Stmt* step_through(const UnaryOperator* operation, const FunctionBody& body) {
    if (operation->isIncrementDecrementOp() || operation->getOpcode() == UO_Extension)
      return operation;
    if (operation->getOpcode() == UO_LNot) return nullptr;
    return operation->getOpcode() == UO_Deref ? access(operation, body) : other();
  }

  // `p[i]` and `*p`, or only an address: `&p[i]`.
  const Stmt* access(const Expr* byte, const FunctionBody& body) {
    const auto* address = dyn_cast_or_null<UnaryOperator>(above_parentheses(byte, body));
    is_moved_ |= isa<ArraySubscriptExpr>(byte);
    if (address != nullptr && address->getOpcode() == UO_AddrOf) return address;
    if (!is_byte_type(byte->getType())) return other();
    is_access_ = true;
    return nullptr;
  }

  const Stmt* give(const CallExpr* call, const Stmt* argument, const FunctionBody& body) {
    unsigned number = 0;
    while (number < call->getNumArgs() && call->getArg(number) != argument) ++number;
    if (number == call->getNumArgs()) return other();
    const FunctionDecl* callee = call->getDirectCallee();
    const bool is_of_system =
        callee != nullptr && (context_.getSourceManager().isInSystemHeader(callee->getLocation()) ||
                              callee->getBuiltinID() != 0);
    QualType type = call->getCallee()->getType();
    if (type->isPointerType()) type = type->getPointeeType();
    const auto* prototype = type->getAs<FunctionProtoType>();
    if (prototype == nullptr) return other();
    if (number >= prototype->getNumParams())
      return callee != nullptr && callee->hasAttr<FormatAttr>() ? nullptr : other();
    const QualType parameter = prototype->getParamType(number);
    const bool is_followed = callee != nullptr && !is_of_system;
    if (const FunctionBody* own = is_followed ? body_of_(callee) : nullptr) {
      receive(own->function()->getParamDecl(number), *own);
      return nullptr;
    }
    // `memcpy`, `strchr` and many others return an address in what they are given; what `realloc` and its like return is another block.
    const bool is_resized = callee != nullptr && callee->getName().contains_insensitive("realloc");
    const bool is_address = call->getType()->isPointerType();
    const Stmt* const result = is_address && !is_resized ? call : nullptr;
    if (is_told_function(prototype)) return other();
    if (callee == nullptr && (points_to_bytes(parameter) || is_for_reading(parameter))) {
      for (const FunctionBody* own : like_(prototype))
        receive(own->function()->getParamDecl(number), *own);
    }
    if (points_to_bytes(parameter)) {
      is_access_ = true;
      return result;
    }
    if (!parameter->isVoidPointerType()) return other();
    const StringRef name = callee == nullptr ? "" : callee->getName();
    if (!is_of_system) {
      if (name.contains_insensitive("free") || is_resized) return nullptr;
      if (!is_for_reading(parameter) || !is_only_read(prototype, number, context_)) return other();
      const bool may_be_it =
          is_address || is_number_of_address(prototype->getReturnType(), context_);
      return may_be_it || is_made_pointer(call, body) ? call : nullptr;
    }
    if (name == "pthread_setspecific" || name == "tss_set") return other();
    static constexpr StringRef kFiles[] = {"read", "write", "pread", "pwrite", "recv", "send"};
    is_access_ |= is_moved_ && llvm::is_contained(kFiles, name);
    return result;
  }

  // `(struct item *)count(p, n)`, whatever the type of the number.
  bool is_made_pointer(const Expr* number, const FunctionBody& body) const {
    const Stmt* above = body.parent(number);
    while (isa_and_nonnull<ParenExpr>(above) ||
           (isa_and_nonnull<CastExpr>(above) && cast<Expr>(above)->getType()->isIntegerType()))
      above = body.parent(above);
    const auto* cast = dyn_cast_or_null<CastExpr>(above);
    return cast != nullptr && cast->getType()->isPointerType();
  }

  const Stmt* give(const InitListExpr* list, const Stmt* value) {
    const auto* record = list->getType()->getAsRecordDecl();
    if (record == nullptr || record->isUnion()) return other();
    unsigned index = 0;
    for (const FieldDecl* field : record->fields()) {
      if (field->isUnnamedBitField()) continue;
      if (index < list->getNumInits() && list->getInit(index) == value) receive(field);
      ++index;
    }
    return nullptr;
  }

  const Stmt* other() {
    is_other_ = true;
    return nullptr;
  }

  const ASTContext& context_;
  BodiesNaming naming_;
  BodyOf body_of_;
  BodiesLike like_;
  std::vector<std::function<void()>> open_;
  std::set<const Decl*> seen_;
  int steps_ = 0;
  bool is_moved_ = false;  // on the present way
  bool is_access_ = false;
  bool is_other_ = false;
  bool is_contradicted_ = false;
  bool is_cut_ = false;        // a kept address was moved on
  bool is_given_out_ = false;  // a function of the program returns one
};

}  // namespace

UseAsBytes ByteUses::use_of(const Expr* block, bool is_stored_at, const FunctionBody& body) {
  if (context_.getLangOpts().CPlusPlus) return UseAsBytes::open;
  const SourceManager& sources = context_.getSourceManager();
  if (!sources.isInMainFile(sources.getExpansionLoc(block->getBeginLoc()))) return UseAsBytes::none;
  const auto naming = [this](const IdentifierInfo* name) { return bodies_naming(name); };
  const auto body_of = [this](const FunctionDecl* function) { return body_of_function(function); };
  const auto like = [this](const FunctionProtoType* type) { return bodies_like(type); };
  Follower follower{context_, naming, body_of, like};
  if (!is_stored_at) {
    follower.follow(block, body);
    return follower.use();
  }
  const auto* address = dyn_cast<UnaryOperator>(block->IgnoreParenCasts());
  if (address == nullptr || address->getOpcode() != UO_AddrOf) return UseAsBytes::open;
  follower.receive(address->getSubExpr(), body);
  return follower.use();
}

std::vector<const FunctionBody*> ByteUses::bodies_naming(const IdentifierInfo* name) {
  std::vector<const FunctionBody*> found;
  if (!has_functions_) find_functions();
  for (const FunctionDecl* function : functions_) {
    const bool is_passed = passed_ != nullptr && passed_->has(function);
    if (is_passed && !passed_->names(function, name)) continue;
    if (const FunctionBody* body = bodies_.of(function)) found.push_back(body);
  }
  return found;
}

// Of the functions that a pointer with this type may lead to, as far as they are the file's.
std::vector<const FunctionBody*> ByteUses::bodies_like(const FunctionProtoType* type) {
  std::vector<const FunctionBody*> found;
  if (!has_functions_) find_functions();
  for (const FunctionDecl* function : functions_) {
    const auto* own = function->getType()->getAs<FunctionProtoType>();
    const bool is_like =
        own != nullptr && own->isVariadic() == type->isVariadic() &&
        context_.hasSameUnqualifiedType(own->getReturnType(), type->getReturnType()) &&
        llvm::equal(own->param_types(), type->param_types(),
                    [&](QualType a, QualType b) { return context_.hasSameUnqualifiedType(a, b); });
    if (!is_like) continue;
    if (const FunctionBody* body = bodies_.of(function)) found.push_back(body);
  }
  return found;
}

// Also of the inline functions of headers.
const FunctionBody* ByteUses::body_of_function(const FunctionDecl* function) {
  if (!has_functions_) find_functions();
  const auto at = llvm::find_if(functions_, [&](const FunctionDecl* one) {
    return one->getCanonicalDecl() == function->getCanonicalDecl();
  });
  return bodies_.of(at == functions_.end() ? function : *at);
}

void ByteUses::find_functions() {
  has_functions_ = true;
  const SourceManager& sources = context_.getSourceManager();
  for (const Decl* declaration : context_.getTranslationUnitDecl()->noload_decls()) {
    const auto* function = dyn_cast<FunctionDecl>(declaration);
    const bool has_body = function != nullptr &&
                          (function->doesThisDeclarationHaveABody() || function->hasSkippedBody());
    if (has_body && sources.isInMainFile(sources.getExpansionLoc(function->getLocation())))
      functions_.push_back(function);
  }
}

}  // namespace allocs::plugin
