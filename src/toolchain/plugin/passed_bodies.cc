// SPDX-License-Identifier: Apache-2.0
//
// Which bodies of C can hold a site?
//
//     int count(struct list *l) { int n = 0; for (; l; l = l->next) ++n; return n; }     none: it calls nothing
//     void show(struct list *l) { printf("%d\n", count(l)); }                            none: what it calls returns no memory
//     struct list *add(...) { struct list *l = malloc(sizeof *l); ... }                  may: a declared allocator
//     void grow(struct heap *h) { h->get(3); }                                           may: who knows what is behind the pointer
//     struct item *find(...) { return at(l, 3); }                                        none: a number, and no size of a type
//
// A site is a call (allocation_calls.h), so its body has a parenthesis behind what is called. That is a name, and the name's declaration tells: an
// allocator that is declared or has an attribute; a function that returns void * and is told a number; one that returns another pointer and is told a
// number, which is a site only if a size is made of types; or a function of the unit that may hold a site itself and so may be a wrapper. A call through anything but
// the name of a function is taken for a site. What sizes are made of types comes from `sizeof` and `offsetof`, or by the name
// of a constant or of a function of the unit that has them. So no more than tokens and declarations is asked, and each doubt is a body that is read.
//
// Names are looked up at the end of the unit. What a body declares itself could hide them, so bodies that declare functions, or variables that lead
// to one, count as sites by the way in which such declarations are written.
//
// What a body that is not read says of other bodies' sites, it is read for when they ask: a function that computes a size (size_analysis.h).
//
// A body that is read late could mean something else if a name in it was declared only behind it: a tag, or a function in the C of
// 1989. Then, and where a directive becomes a token that only the parser can make, the unit is read again, in its order.
#include "toolchain/plugin/passed_bodies.h"

#include <clang/AST/Attr.h>
#include <clang/AST/Expr.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Sema/Lookup.h>
#include <clang/Sema/Sema.h>
#include <llvm/Support/SaveAndRestore.h>

#include "toolchain/plugin/allocation_calls.h"
#include "toolchain/plugin/late_bodies.h"

namespace allocs::plugin {

using namespace clang;

namespace {

// A function, a pointer to one, an array of these, a function that returns one. Members of records are found by their names.
bool leads_to_function(QualType type) {
  for (type = type.getCanonicalType(); !type->isFunctionType();) {
    if (const auto* atomic = type->getAs<AtomicType>()) {
      type = atomic->getValueType();
    } else if (type->isAnyPointerType() || type->isBlockPointerType()) {
      type = type->getPointeeType();
    } else if (const auto* array = type->getAsArrayTypeUnsafe()) {
      type = array->getElementType();
    } else {
      return false;
    }
  }
  return true;
}

bool is_number(QualType type) { return type->isIntegerType() || type->isEnumeralType(); }

bool is_told_number(const FunctionDecl* function) {
  const auto* prototype = function->getType()->getAs<FunctionProtoType>();
  if (prototype == nullptr || prototype->isVariadic()) return true;
  return llvm::any_of(prototype->param_types(), is_number);
}

// Whether a size that names a constant with this initialiser may be made of types.
bool has_size(const Stmt* value, int depth) {
  if (value == nullptr) return false;
  if (depth > 100 || isa<UnaryExprOrTypeTraitExpr, OffsetOfExpr>(value)) return true;
  if (const auto* name = dyn_cast<DeclRefExpr>(value)) {
    if (const auto* constant = dyn_cast<EnumConstantDecl>(name->getDecl()))
      return has_size(constant->getInitExpr(), depth + 1);
    const auto* variable = dyn_cast<VarDecl>(name->getDecl());
    return variable != nullptr && has_size(variable->getAnyInitializer(), depth + 1);
  }
  return llvm::any_of(value->children(),
                      [&](const Stmt* child) { return has_size(child, depth + 1); });
}

// The beginning of a type in a cast, of those that are words of the language.
bool begins_type(const Token& token) {
  return token.isOneOf(tok::kw_const, tok::kw_volatile, tok::kw_struct, tok::kw_union, tok::kw_enum,
                       tok::kw_void, tok::kw_char, tok::kw_short, tok::kw_int, tok::kw_long,
                       tok::kw_float, tok::kw_double, tok::kw_signed, tok::kw_unsigned,
                       tok::kw__Bool, tok::kw_bool, tok::kw___int128);
}

}  // namespace

void PassedBodies::begin() {
  tokens_.reserve(std::size_t{1} << 14);
  last_.startToken();
  compiler_.getPreprocessor().setTokenWatcher([this](const Token& token) { keep(token); });
}

void PassedBodies::keep(const Token& token) {
  if (depth_ == 0) {
    last_ = token;
    return;
  }
  if (token.isAnnotation() || token.is(tok::eof)) return give_up();
  tokens_.push_back(token);
  if (token.is(tok::l_brace)) ++depth_;
  if (token.is(tok::r_brace) && --depth_ == 0) {
    bodies_.back().end = static_cast<std::uint32_t>(tokens_.size());
    last_ = token;
  }
}

void PassedBodies::give_up() {
  DiagnosticsEngine& diagnostics = compiler_.getDiagnostics();
  diagnostics.Report(
      diagnostics.getCustomDiagID(DiagnosticsEngine::Error, "this body cannot be read late"));
}

bool PassedBodies::pass_over(Decl* declaration) {
  auto* function = dyn_cast<FunctionDecl>(declaration);
  if (is_at_end_ || depth_ != 0 || function == nullptr || !last_.is(tok::l_brace)) return false;
  if (function->hasAttr<GNUInlineAttr>() || function->isInlined() != function->isInlineSpecified())
    return false;
  const auto number = static_cast<std::uint32_t>(bodies_.size());
  if (!index_.try_emplace(function->getCanonicalDecl(), number).second) return false;
  bodies_.push_back({.function = function, .begin = static_cast<std::uint32_t>(tokens_.size())});
  tokens_.push_back(last_);
  depth_ = 1;
  return true;
}

void PassedBodies::end() {
  is_at_end_ = true;
  compiler_.getPreprocessor().setTokenWatcher(nullptr);
  if (depth_ != 0) return give_up();
  if (compiler_.getDiagnostics().hasErrorOccurred()) return;
  Sema& sema = compiler_.getSema();
  // Sema takes the unit's scope for closed; the parser still has it.
  llvm::SaveAndRestore unit_scope(sema.TUScope, sema.getCurScope());
  for (Body& body : bodies_) look_into(body);
  spread();
}

bool PassedBodies::has(const FunctionDecl* function) const { return body_of(function) != kNoBody; }

bool PassedBodies::may_hold_site(const FunctionDecl* function) const {
  const std::uint32_t at = body_of(function);
  return at == kNoBody || bodies_[at].may_hold_site();
}

bool PassedBodies::names(const FunctionDecl* function, const IdentifierInfo* name) const {
  const std::uint32_t at = body_of(function);
  if (at == kNoBody) return false;
  const Body& body = bodies_[at];
  const auto tokens = llvm::ArrayRef(tokens_).slice(body.begin, body.end - body.begin);
  return llvm::any_of(tokens, [name](const Token& token) {
    return token.is(tok::identifier) && token.getIdentifierInfo() == name;
  });
}

std::uint32_t PassedBodies::body_of(const FunctionDecl* function) const {
  const auto known = index_.find(function->getCanonicalDecl());
  return known == index_.end() ? kNoBody : known->second;
}

void PassedBodies::look_into(Body& body) {
  for (const ParmVarDecl* parameter : body.function->parameters())
    body.holds_call |= leads_to_function(parameter->getType());
  llvm::SmallVector<std::uint32_t, 16> open;
  std::uint32_t closed = body.begin;  // the parenthesis that the last one closed
  for (std::uint32_t at = body.begin; at < body.end; ++at) {
    const Token& token = tokens_[at];
    switch (token.getKind()) {
      case tok::l_paren:
        look_at_call(body, at, closed);
        open.push_back(at);
        break;
      case tok::r_paren:
        if (open.empty()) {
          body.holds_call = true;
        } else {
          closed = open.pop_back_val();
        }
        break;
      case tok::kw_sizeof:
      case tok::kw___builtin_offsetof:
        body.has_size = true;
        break;
      case tok::kw_typeof:
      case tok::kw_typeof_unqual:
      case tok::kw___auto_type:
      case tok::kw_auto:
      case tok::caret:  // of a block, perhaps
        body.holds_call |= !token.is(tok::caret) || compiler_.getLangOpts().Blocks;
        break;
      case tok::identifier: {
        if (tokens_[at - 1].isOneOf(tok::arrow, tok::period)) break;
        const Meaning& meaning = meaning_of(token.getIdentifierInfo());
        body.has_size |= meaning.has_size;
        body.holds_call |= meaning.is_function_type;
        if (meaning.body != kNoBody) body.named.push_back(meaning.body);
        break;
      }
      default:
        break;
    }
  }
}

// What stands before a parenthesis is called, or it opens something else. `closed` opens what ends just before it, if that is a parenthesis.
void PassedBodies::look_at_call(Body& body, std::uint32_t paren, std::uint32_t closed) {
  const Token& before = tokens_[paren - 1];
  if (before.is(tok::identifier)) {
    const Meaning& meaning = meaning_of(before.getIdentifierInfo());
    const bool is_member = tokens_[paren - 2].isOneOf(tok::arrow, tok::period);
    body.holds_call |= is_member || meaning.allocates;
    body.gets_pointer |= meaning.gets_pointer;
  } else if (before.is(tok::r_square) || before.is(tok::r_brace)) {
    body.holds_call |= before.is(tok::r_square);
  } else if (before.is(tok::r_paren)) {
    const bool is_condition =
        tokens_[closed - 1].isOneOf(tok::kw_if, tok::kw_while, tok::kw_for, tok::kw_switch);
    const Token& first = tokens_[closed + 1];
    const bool is_cast = begins_type(first) || (first.is(tok::identifier) &&
                                                meaning_of(first.getIdentifierInfo()).is_type);
    const bool follows_name = tokens_[closed - 1].is(tok::identifier);
    body.holds_call |= !is_condition && (!is_cast || follows_name);
  }
}

// What names tell of bodies until nothing more comes of it.
void PassedBodies::spread() {
  for (bool has_more = true; has_more;) {
    has_more = false;
    for (Body& body : bodies_) {
      for (const std::uint32_t at : body.named) {
        const Body& other = bodies_[at];
        const FunctionDecl* function = other.function;
        const bool gives_size =
            other.has_size && !body.has_size && is_number(function->getReturnType());
        const bool may_be_wrapper =
            !body.holds_call && other.may_hold_site() && calls_.may_be_wrapper(function);
        body.has_size |= gives_size;
        body.holds_call |= may_be_wrapper;
        has_more |= gives_size || may_be_wrapper;
      }
    }
  }
}

const PassedBodies::Meaning& PassedBodies::meaning_of(const IdentifierInfo* name) {
  const auto [known, is_new] = meanings_.try_emplace(name);
  if (!is_new) return known->second;
  Meaning meaning;
  const NamedDecl* declaration = declared_as(name, false);
  if (const auto* type = dyn_cast_or_null<TypedefNameDecl>(declaration)) {
    meaning.is_type = true;
    meaning.is_function_type = leads_to_function(type->getUnderlyingType());
  } else if (const auto* function = dyn_cast_or_null<FunctionDecl>(declaration)) {
    meaning = meaning_of_function(function);
  } else {
    meaning.allocates = true;  // a call through a variable, or of what the body declares
    if (const auto* constant = dyn_cast_or_null<EnumConstantDecl>(declaration))
      meaning.has_size = has_size(constant->getInitExpr(), 0);
    if (const auto* variable = dyn_cast_or_null<VarDecl>(declaration))
      meaning.has_size = has_size(variable->getAnyInitializer(), 0);
  }
  return meanings_[name] = meaning;
}

PassedBodies::Meaning PassedBodies::meaning_of_function(const FunctionDecl* function) const {
  Meaning meaning;
  meaning.body = body_of(function);
  const QualType result = function->getReturnType();
  const bool is_read = meaning.body == kNoBody && function->hasBody();
  meaning.has_size = is_read && is_number(result);
  meaning.allocates =
      calls_.is_declared_allocator(function) || (is_read && calls_.may_be_wrapper(function));
  if (!result->isPointerType() || !is_told_number(function)) return meaning;
  meaning.allocates |= function->hasAttr<AllocSizeAttr>();
  if (AllocationCalls::never_allocates(function)) return meaning;
  meaning.allocates |= result->isVoidPointerType();
  meaning.gets_pointer = true;
  return meaning;
}

NamedDecl* PassedBodies::declared_as(const IdentifierInfo* name, bool is_tag) const {
  Sema& sema = compiler_.getSema();
  return sema.LookupSingleName(sema.TUScope, DeclarationName(name), SourceLocation(),
                               is_tag ? Sema::LookupTagName : Sema::LookupOrdinaryName);
}

// Where the unit declares a tag or a function first; invalid if another unit's header does, or nothing.
SourceLocation PassedBodies::first_declared(const IdentifierInfo* name, bool is_tag) {
  const auto [known, is_new] = (is_tag ? tags_ : functions_).try_emplace(name);
  if (!is_new) return known->second;
  const NamedDecl* named = declared_as(name, is_tag);
  if (named == nullptr || (!is_tag && !isa<FunctionDecl>(named))) return {};
  const Decl* first = named->getCanonicalDecl();
  if (first->isFromASTFile() || first->isImplicit()) return {};
  return known->second = first->getLocation();
}

// Whether something in it was declared only behind it.
bool PassedBodies::is_early(const Body& body) {
  const SourceManager& sources = compiler_.getSourceManager();
  const SourceLocation here = body.function->getLocation();
  for (std::uint32_t at = body.begin; at < body.end; ++at) {
    const Token& token = tokens_[at];
    if (!token.is(tok::identifier) || tokens_[at - 1].isOneOf(tok::arrow, tok::period)) continue;
    const bool is_tag = tokens_[at - 1].isOneOf(tok::kw_struct, tok::kw_union, tok::kw_enum);
    if (!is_tag && !tokens_[at + 1].is(tok::l_paren)) continue;
    const SourceLocation first = first_declared(token.getIdentifierInfo(), is_tag);
    if (first.isValid() && first != here && sources.isBeforeInTranslationUnit(here, first))
      return true;
  }
  return false;
}

void PassedBodies::read(const FunctionDecl* function) {
  const std::uint32_t at = is_at_end_ ? body_of(function) : kNoBody;
  if (at == kNoBody || bodies_[at].is_read) return;
  Body& body = bodies_[at];
  body.is_read = true;
  if (compiler_.getDiagnostics().hasErrorOccurred()) return;
  Sema& sema = compiler_.getSema();
  llvm::SaveAndRestore unit_scope(sema.TUScope, sema.getCurScope());
  if (sema.LateTemplateParser == nullptr || is_early(body)) return give_up();
  read_late(compiler_, body.function,
            llvm::ArrayRef(tokens_).slice(body.begin, body.end - body.begin));
}

}  // namespace allocs::plugin
