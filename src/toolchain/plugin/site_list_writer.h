// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/Mangle.h>
#include <clang/Frontend/CompilerInstance.h>

#include <set>
#include <string>

#include "toolchain/plugin/site_choice.h"

namespace allocs::plugin {

// The site list of one translation unit: see docs/formats/site_list.md.
class SiteListWriter {
 public:
  SiteListWriter(clang::ASTContext& context, const clang::CompilerInstance& compiler);

  // `type` is nothing where nothing can be said; `bytes` is what is asked for, if that is constant.
  void add(const clang::CallExpr* call, const std::optional<SiteType>& type,
           std::optional<std::uint64_t> bytes, const FunctionBody& body);
  void add(const clang::CXXNewExpr* expression, const SiteType& type, const FunctionBody& body);
  // The whole list, as a file has it.
  std::string text() const;

 private:
  void add_line(const clang::FunctionDecl* function, clang::SourceLocation at,
                const clang::Decl* callee, const std::optional<SiteType>& type,
                std::optional<std::uint64_t> bytes);
  llvm::SmallVector<clang::SourceLocation, 1> places_of(const FunctionBody& body,
                                                        const clang::Expr* expression,
                                                        clang::SourceLocation own) const;
  clang::SourceLocation place_outside_default(const FunctionBody& body, const clang::Stmt* of,
                                              clang::SourceLocation own) const;
  clang::SourceLocation place_of_user(const FunctionBody& body, const clang::Stmt* user,
                                      clang::SourceLocation own) const;
  void append_type(std::string& line, clang::QualType type) const;
  llvm::StringRef file_name(const clang::PresumedLoc& place) const;
  std::string linkage_name(const clang::Decl* function);

  clang::ASTContext& context_;
  clang::ASTNameGenerator names_;
  std::string working_directory_;  // and a slash; empty if not known
  std::string header_;
  std::set<std::string> lines_;
};

// Failure is silent: a list that cannot be written is a build without one.
void write_site_list(const std::string& path, const std::string& text);

}  // namespace allocs::plugin
