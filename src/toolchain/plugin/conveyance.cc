// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/conveyance.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/Mangle.h>
#include <clang/Basic/Builtins.h>
#include <clang/Basic/SourceManager.h>

#include <bit>

namespace allocs::plugin {

using namespace clang;

namespace {

std::string marker_name(const types::SiteKind& kind, char flag) {
  const types::SiteKindText text = types::encode_site_kind(kind);
  std::string name{types::kSiteMarkerPrefix};
  name.append(text.data(), text.size());
  name += flag;
  return name;
}

// Typedefs of default arguments are counted from here, above those of other calls, and those that have a name for themselves further up.
constexpr std::size_t kFirstDefault = std::size_t{1} << 32;
constexpr std::size_t kFirstOwn = std::size_t{1} << 40;

// By the cookie of an array that `new` makes, if it has any.
std::optional<char> flag_of(const SiteType& type, const ASTContext& context) {
  if (type.tail.isNull()) return kNoFlag;
  const auto words =
      context.getTypeSizeInChars(type.type) / context.getTypeSizeInChars(context.getSizeType());
  const std::int64_t flag = kFirstCookieFlag + std::countr_zero(static_cast<std::uint64_t>(words));
  if (flag > kLastCookieFlag) return std::nullopt;
  return static_cast<char>(flag);
}

// The outermost expression whose value is the call's and whose code is the call alone. Code generation takes what is in parentheses or
// behind a comma for no cast, so the next explicit cast around it would put its own type in the place of a marker inside.
Expr* outermost_of_same_value(CallExpr* call, const FunctionBody& body) {
  Expr* at = call;
  while (body.slot(at).variable == nullptr) {
    Stmt* parent = body.parent(at);
    const auto* binary = dyn_cast_or_null<BinaryOperator>(parent);
    const auto* unary = dyn_cast_or_null<UnaryOperator>(parent);
    const auto* choice = dyn_cast_or_null<GenericSelectionExpr>(parent);
    const bool is_transparent =
        isa_and_nonnull<ParenExpr, CXXDefaultInitExpr>(parent) ||
        (binary != nullptr && binary->getOpcode() == BO_Comma && binary->getRHS() == at) ||
        (unary != nullptr && unary->getOpcode() == UO_Extension) ||
        (choice != nullptr && !choice->isResultDependent() && choice->getResultExpr() == at);
    if (!is_transparent) break;
    at = cast<Expr>(parent);
  }
  return at;
}

}  // namespace

bool Conveyance::mark(CallExpr* call, const SiteType& type, const FunctionBody& body) {
  Decl* callee = call->getCalleeDecl();
  if (callee == nullptr || !call->getType()->isPointerType()) return false;
  const auto* function = dyn_cast<FunctionDecl>(callee);
  const bool is_builtin =
      function != nullptr && function->getBuiltinID() == Builtin::BI__builtin_operator_new;
  FunctionDecl* replaced = is_builtin ? replaced_operator_new(call) : nullptr;
  if (is_builtin && replaced == nullptr) return false;

  if (isa<FieldDecl>(callee))
    return mark_by_place(call, "", outermost_of_same_value(call, body), type, body);
  const char flag = is_builtin ? kBuiltinFlag : kNoFlag;
  std::string* own_name = std::exchange(own_name_, nullptr);
  std::string name = marker_name(type.kind, flag);
  if (own_name != nullptr) *own_name = name += std::to_string(kFirstOwn + own_names_++);
  const QualType what = marker(std::move(name), marked_type(type));
  if (!put_cast(outermost_of_same_value(call, body), what, body)) return false;
  if (replaced != nullptr) {
    auto* named =
        DeclRefExpr::Create(context_, NestedNameSpecifierLoc(), SourceLocation(), replaced, false,
                            call->getBeginLoc(), replaced->getType(), VK_LValue);
    call->setCallee(ImplicitCastExpr::Create(context_, context_.getPointerType(replaced->getType()),
                                             CK_FunctionToPointerDecay, named, nullptr, VK_PRValue,
                                             FPOptionsOverride()));
    callee = replaced;
  }
  if (!callee->hasAttr<MSAllocatorAttr>())
    callee->addAttr(MSAllocatorAttr::CreateImplicit(context_));
  return true;
}

QualType Conveyance::marked_type(const SiteType& type) {
  const QualType head = type.type.isNull() ? context_.CharTy : type.type.getUnqualifiedType();
  if (!type.others.empty()) return union_of(head, type.others);
  return type.tail.isNull() ? head : flexible_record(head, type.tail.getUnqualifiedType());
}

// The cast alone makes the compiler describe the typedef, whose name is used once only.
bool Conveyance::mark_by_place(CallExpr* call, const std::string& callee, Expr* marked,
                               const SiteType& type, const FunctionBody& body) {
  const std::size_t count = placed_.size();
  std::string name = marker_name(type.kind, kNoFlag) + std::to_string(count);
  if (std::string* own_name = std::exchange(own_name_, nullptr)) *own_name = name;
  if (!place(call->getExprLoc(), callee, name, body)) return false;
  if (put_cast(marked, context_.getTypedefType(new_typedef(name, marked_type(type))), body))
    return true;
  placed_.resize(count);
  return false;
}

bool Conveyance::place(SourceLocation where, const std::string& callee, const std::string& marker,
                       const FunctionBody& body) {
  const FunctionDecl* function = body.function();
  if (where.isInvalid()) return false;
  const SourceManager& sources = context_.getSourceManager();
  const PresumedLoc at = sources.getPresumedLoc(sources.getExpansionLoc(where));
  if (at.isInvalid()) return false;
  ASTNameGenerator names(context_);
  const bool has_variants = isa_and_nonnull<CXXConstructorDecl, CXXDestructorDecl>(function);
  std::vector<std::string> functions{kInitialiserFunction};
  if (has_variants) {
    functions = names.getAllManglings(function);
  } else if (function != nullptr) {
    functions = {names.getName(function)};
  }
  for (const std::string& one : functions)
    placed_.push_back({one, callee, at.getLine(), at.getColumn(), marker});
  return !functions.empty();
}

// All calls that leave the argument out share its expression, and so the typedef.
bool Conveyance::mark_in_default(Expr* allocation, const FunctionDecl* callee, const SiteType& type,
                                 const FunctionBody& body) {
  const std::vector<const Stmt*> users = body.users_of_default(allocation);
  if (users.empty() || callee == nullptr) return false;
  std::string& name = default_markers_[allocation];
  if (name.empty()) {
    const bool has_cookie = isa<CXXNewExpr>(allocation) && !type.tail.isNull();
    const QualType what = has_cookie ? type.tail.getUnqualifiedType() : marked_type(type);
    const auto flag = has_cookie ? flag_of(type, context_) : std::optional{kNoFlag};
    if (context_.getAsArrayType(what) != nullptr || !flag) return false;
    std::string made =
        marker_name(type.kind, *flag) + std::to_string(kFirstDefault + default_markers_.size());
    if (!put_cast(allocation, context_.getTypedefType(new_typedef(made, what)), body)) return false;
    name = std::move(made);
  }
  const std::string called = ASTNameGenerator(context_).getName(callee);
  bool are_placed = true;
  for (const Stmt* user : users) {
    const auto* construction = dyn_cast<CXXConstructExpr>(user);
    const auto* call = dyn_cast<CallExpr>(user);
    const SourceLocation at = construction != nullptr ? construction->getLocation()
                              : call != nullptr       ? call->getExprLoc()
                                                      : SourceLocation();
    are_placed = place(at, called, name, body) && are_placed;
  }
  return are_placed;
}

bool Conveyance::mark_alloca(CallExpr* call, const SiteType& type, const FunctionBody& body) {
  return mark_by_place(call, kAllocaCallee, outermost_of_same_value(call, body), type, body);
}

bool Conveyance::put_cast(Expr* marked, QualType marker, const FunctionBody& body) {
  // The cast keeps the address space of what it casts.
  const LangAS space = marked->getType()->getPointeeType().getAddressSpace();
  const QualType pointee =
      space == LangAS::Default ? marker : context_.getAddrSpaceQualType(marker, space);
  const QualType pointer = context_.getPointerType(pointee);
  const SourceLocation at = marked->getBeginLoc();
  Expr* cast = CStyleCastExpr::Create(context_, pointer, VK_PRValue, CK_BitCast, marked, nullptr,
                                      FPOptionsOverride(),
                                      context_.getTrivialTypeSourceInfo(pointer), at, at);
  // What is around sees the type that it always saw.
  cast = ImplicitCastExpr::Create(context_, marked->getType(), CK_BitCast, cast, nullptr,
                                  VK_PRValue, FPOptionsOverride());
  return put_between(cast, marked, body);
}

bool Conveyance::mark_stored(CallExpr* call, Expr* address, const SiteType& type,
                             const FunctionBody& body) {
  if (!address->getType()->isPointerType()) return false;
  const FunctionDecl* callee = call->getDirectCallee();
  const std::string name = callee == nullptr ? "" : ASTNameGenerator(context_).getName(callee);
  return mark_by_place(call, name, address, type, body);
}

bool Conveyance::mark(CXXNewExpr* expression, const SiteType& type) {
  const auto flag = flag_of(type, context_);
  if (!flag) return false;
  std::string name = marker_name(type.kind, *flag);
  llvm::SmallVector<const ConstantArrayType*, 2> arrays;  // outermost first
  QualType what = is_cookie_flag(*flag) ? type.tail : type.type;
  while (const auto* array = context_.getAsConstantArrayType(what)) {
    arrays.push_back(array);
    name += kDimension + std::to_string(array->getSize().getZExtValue());
    what = array->getElementType();
  }
  if (context_.getAsArrayType(what) != nullptr) return false;
  // Code generation asks for the innermost element. The typedef must be outermost there, so const and its like are left out;
  // they make no difference to the code.
  QualType marked = marker(std::move(name), what.getUnqualifiedType());
  for (const ConstantArrayType* array : llvm::reverse(arrays)) {
    marked = context_.getConstantArrayType(marked, array->getSize(), array->getSizeExpr(),
                                           array->getSizeModifier(), 0);
  }
  expression->setType(context_.getPointerType(marked));
  return true;
}

bool Conveyance::put_between(Expr* cast, Expr* expression, const FunctionBody& body) {
  if (VarDecl* variable = body.slot(expression).variable) {
    variable->setInit(cast);
    return true;
  }
  Stmt* parent = body.parent(expression);
  if (parent == nullptr) return put_in_initialiser(cast, expression, body);
  if (auto* argument = dyn_cast<CXXDefaultArgExpr>(parent)) {
    if (argument->getExpr() != expression || argument->hasRewrittenInit()) return false;
    argument->getParam()->setDefaultArg(cast);
    return true;
  }
  for (Stmt*& child : parent->children()) {
    if (child != expression) continue;
    child = cast;
    return true;
  }
  return false;
}

// `: member(expression)`. An initialiser cannot be changed, so it gets a successor.
bool Conveyance::put_in_initialiser(Expr* cast, Expr* expression, const FunctionBody& body) {
  auto* constructor = dyn_cast_or_null<CXXConstructorDecl>(body.function());
  if (constructor == nullptr) return false;
  CXXCtorInitializer** const end = constructor->init_end();
  for (CXXCtorInitializer** init = constructor->init_begin(); init != end; ++init) {
    CXXCtorInitializer* old = *init;
    if (old->getInit() != expression || !old->isMemberInitializer()) continue;
    *init = new (context_) CXXCtorInitializer(context_, old->getMember(), old->getMemberLocation(),
                                              old->getLParenLoc(), cast, old->getRParenLoc());
    if (old->isWritten()) (*init)->setSourceOrder(old->getSourceOrder());
    return true;
  }
  return false;
}

QualType Conveyance::marker(std::string name, QualType type) {
  TypedefDecl*& known = markers_[{name, type.getCanonicalType().getAsOpaquePtr()}];
  if (known == nullptr) known = new_typedef(name, type);
  return context_.getTypedefType(known);
}

TypedefDecl* Conveyance::new_typedef(llvm::StringRef name, QualType type) {
  return TypedefDecl::Create(context_, context_.getTranslationUnitDecl(), SourceLocation(),
                             SourceLocation(), &context_.Idents.get(name),
                             context_.getTrivialTypeSourceInfo(type));
}

// Code generation sees nothing of it but a pointer's type.
QualType Conveyance::union_of(QualType first, llvm::ArrayRef<QualType> others) {
  std::vector<void*> key{first.getCanonicalType().getAsOpaquePtr()};
  for (const QualType type : others) key.push_back(type.getCanonicalType().getAsOpaquePtr());
  QualType& known = unions_[key];
  if (!known.isNull()) return known;
  RecordDecl* record = new_record(types::kOneOfRecordName, TagTypeKind::Union);
  // Members of one name would be one, as it is with classes that several units describe.
  add_member(record, first, "first");
  unsigned number = 0;
  for (const QualType type : others) add_member(record, type, "other" + std::to_string(number++));
  record->completeDefinition();
  known = context_.getRecordType(record);
  return known;
}

// In C++ the debug information has the members of a class only where its definition is needed.
RecordDecl* Conveyance::new_record(llvm::StringRef name, TagTypeKind kind) {
  RecordDecl* record = context_.buildImplicitRecord(name, kind);
  record->startDefinition();
  record->setCompleteDefinitionRequired();
  return record;
}

void Conveyance::add_member(RecordDecl* record, QualType type, llvm::StringRef name) {
  auto* field = FieldDecl::Create(
      context_, record, SourceLocation(), SourceLocation(), &context_.Idents.get(name), type,
      context_.getTrivialTypeSourceInfo(type), nullptr, false, ICIS_NoInit);
  field->setAccess(AS_public);
  record->addDecl(field);
}

QualType Conveyance::flexible_record(QualType head, QualType tail) {
  QualType& known = flexible_records_[{head.getCanonicalType().getAsOpaquePtr(),
                                       tail.getCanonicalType().getAsOpaquePtr()}];
  if (!known.isNull()) return known;
  RecordDecl* record = new_record(types::kFlexibleRecordName, TagTypeKind::Struct);
  add_member(record, head, "head");
  add_member(record, context_.getIncompleteArrayType(tail, ArraySizeModifier::Normal, 0), "tail");
  record->completeDefinition();
  known = context_.getRecordType(record);
  return known;
}

// The function that code generation would call for __builtin_operator_new.
FunctionDecl* Conveyance::replaced_operator_new(const CallExpr* call) const {
  const auto name = context_.DeclarationNames.getCXXOperatorName(OO_New);
  const QualType type = call->getCallee()->getType();
  const QualType function = type->isPointerType() ? type->getPointeeType() : type;
  for (NamedDecl* found : context_.getTranslationUnitDecl()->lookup(name)) {
    auto* candidate = dyn_cast<FunctionDecl>(found);
    if (candidate != nullptr && context_.hasSameType(candidate->getType(), function))
      return candidate;
  }
  return nullptr;
}

}  // namespace allocs::plugin
