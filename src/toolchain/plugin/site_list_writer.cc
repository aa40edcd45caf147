// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/site_list_writer.h"

#include <clang/Frontend/FrontendOptions.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/raw_ostream.h>

#include "toolchain/plugin/gcc_places.h"
#include "toolchain/plugin/type_names.h"
#include "types/site_list.h"

namespace allocs::plugin {

using namespace clang;

namespace {

void append(std::string& line, llvm::StringRef field) {
  if (!line.empty()) line += '\t';
  types::append_site_list_field(line, {field.data(), field.size()});
}

void append(std::string& line, std::uint64_t number) { append(line, std::to_string(number)); }

}  // namespace

SiteListWriter::SiteListWriter(ASTContext& context, const CompilerInstance& compiler)
    : context_(context), names_(context) {
  const auto& inputs = compiler.getFrontendOpts().Inputs;
  const auto current =
      compiler.getFileManager().getVirtualFileSystem().getCurrentWorkingDirectory();
  if (current) working_directory_ = *current + "/";
  llvm::SmallString<128> directory{compiler.getCodeGenOpts().DebugCompilationDir};
  if (directory.empty() && current) directory = *current;
  append(header_, std::string{types::kSiteListMagic});
  append(header_, std::string{types::kSiteListVersion});
  append(header_, inputs.empty() || !inputs[0].isFile() ? "" : inputs[0].getFile());
  append(header_, directory);
}

void SiteListWriter::add(const CallExpr* call, const std::optional<SiteType>& type,
                         std::optional<std::uint64_t> bytes, const FunctionBody& body) {
  for (const SourceLocation at : places_of(body, call, gcc_place_of(call, body, context_)))
    add_line(body.function(), at, call->getDirectCallee(), type, bytes);
}

void SiteListWriter::add(const CXXNewExpr* expression, const SiteType& type,
                         const FunctionBody& body) {
  std::optional<std::uint64_t> bytes;
  if (type.kind.shape == types::SiteShape::one)
    bytes = static_cast<std::uint64_t>(context_.getTypeSizeInChars(type.type).getQuantity());
  const SourceLocation own = gcc_place_of(expression, body, context_);
  for (const SourceLocation at : places_of(body, expression, own))
    add_line(body.function(), at, expression->getOperatorNew(), type, bytes);
}

// What is in a default argument is at each call that leaves it out, what is in a member's default initialiser where the
// constructor's body begins.
llvm::SmallVector<SourceLocation, 1> SiteListWriter::places_of(const FunctionBody& body,
                                                               const Expr* expression,
                                                               SourceLocation own) const {
  const std::vector<const Stmt*> users = body.users_of_default(expression);
  if (users.empty()) return {place_outside_default(body, expression, own)};
  llvm::SmallVector<SourceLocation, 1> places;
  for (const Stmt* user : users)
    places.push_back(place_outside_default(body, user, place_of_user(body, user, own)));
  return places;
}

SourceLocation SiteListWriter::place_outside_default(const FunctionBody& body, const Stmt* of,
                                                     SourceLocation own) const {
  for (const Stmt* at = body.parent(of); at != nullptr; at = body.parent(at)) {
    if (!isa<CXXDefaultInitExpr>(at)) continue;
    const Stmt* function = body.function() == nullptr ? nullptr : body.function()->getBody();
    return function == nullptr ? own : function->getBeginLoc();
  }
  return own;
}

SourceLocation SiteListWriter::place_of_user(const FunctionBody& body, const Stmt* user,
                                             SourceLocation own) const {
  if (const auto* call = dyn_cast<CallExpr>(user)) return gcc_place_of(call, body, context_);
  const auto* construction = dyn_cast<CXXConstructExpr>(user);
  if (construction == nullptr) return own;
  // `new t(1)`: both allocations are at one place.
  if (const auto* outer = dyn_cast_or_null<CXXNewExpr>(body.parent(construction)))
    return gcc_place_of(outer, body, context_);
  const SourceRange brackets = construction->getParenOrBraceRange();
  return brackets.isValid() ? brackets.getBegin() : own;
}

void SiteListWriter::add_line(const FunctionDecl* function, SourceLocation at, const Decl* callee,
                              const std::optional<SiteType>& type,
                              std::optional<std::uint64_t> bytes) {
  const SourceManager& sources = context_.getSourceManager();
  const PresumedLoc place = sources.getPresumedLoc(sources.getExpansionLoc(at));
  if (place.isInvalid()) return;
  std::string line{types::kSiteListSite};
  append(line, linkage_name(function));
  append(line, file_name(place));
  append(line, place.getLine());
  append(line, place.getColumn());
  append(line, linkage_name(callee));
  if (type) {
    const types::SiteKindText kind = types::encode_site_kind(type->kind);
    append(line, llvm::StringRef{kind.data(), kind.size()});
  } else {
    append(line, "");
  }
  append_type(line, type ? type->type : QualType{});
  append_type(line, type ? type->tail : QualType{});
  append(line, bytes ? std::to_string(*bytes) : "");
  if (type && !type->others.empty()) {
    std::string others;
    for (const QualType other : type->others) append_type(others, other);
    append(line, others);
  }
  lines_.insert(line);
}

void SiteListWriter::append_type(std::string& line, QualType type) const {
  if (type.isNull()) {
    line += "\t\t0\t\t0";
    return;
  }
  append(line, canonical_name(type, context_));
  const bool has_size = !type->isIncompleteType() && !type->isFunctionType() && !type->isVoidType();
  append(line, has_size
                   ? static_cast<std::uint64_t>(context_.getTypeSizeInChars(type).getQuantity())
                   : 0);
  const TagDecl* tag = tag_in(type, context_);
  // An instance of a template is where the template is, also where it is instantiated explicitly.
  if (const auto* record = dyn_cast_or_null<CXXRecordDecl>(tag)) {
    if (const CXXRecordDecl* pattern = record->getTemplateInstantiationPattern()) tag = pattern;
  }
  const SourceManager& sources = context_.getSourceManager();
  const PresumedLoc place =
      tag == nullptr ? PresumedLoc{}
                     : sources.getPresumedLoc(sources.getExpansionLoc(tag->getLocation()));
  append(line, place.isValid() ? file_name(place) : "");
  append(line, place.isValid() ? place.getLine() : 0);
}

// Of a header that was read for another unit clang knows the absolute path only. The list is to be the same in any case.
llvm::StringRef SiteListWriter::file_name(const PresumedLoc& place) const {
  llvm::StringRef name = place.getFilename();
  if (!working_directory_.empty() && name.consume_front(working_directory_)) name = name.ltrim('/');
  while (name.consume_front("./")) name = name.ltrim('/');
  return name;
}

std::string SiteListWriter::linkage_name(const Decl* function) {
  const auto* named = dyn_cast_or_null<FunctionDecl>(function);
  if (named == nullptr) return "";
  return names_.getName(named);
}

std::string SiteListWriter::text() const {
  std::string text = header_ + '\n';
  for (const std::string& line : lines_) text.append(line) += '\n';
  return text.append(types::kSiteListEnd) + '\t' + std::to_string(lines_.size()) + '\n';
}

void write_site_list(const std::string& path, const std::string& text) {
  std::error_code error;
  llvm::raw_fd_ostream out{path, error, llvm::sys::fs::OF_None};
  if (error) return;
  out << text;
  out.flush();
  out.clear_error();
}

}  // namespace allocs::plugin
