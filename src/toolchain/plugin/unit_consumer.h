// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTConsumer.h>
#include <clang/Frontend/CompilerInstance.h>
#include <llvm/ADT/DenseSet.h>

#include <functional>
#include <memory>
#include <string>

#include "toolchain/plugin/byte_uses.h"
#include "toolchain/plugin/conveyance.h"
#include "toolchain/plugin/late_bodies.h"
#include "toolchain/plugin/passed_bodies.h"
#include "toolchain/plugin/site_list_writer.h"

namespace allocs::plugin {

// Looks at every function of a translation unit before code is made of it.
class UnitConsumer : public clang::ASTConsumer {
 public:
  // The types go into the code, some of them by `placed`; `confirmed` gets its names at the end of the unit.
  UnitConsumer(clang::CompilerInstance& compiler, std::shared_ptr<PlacedMarks> placed,
               std::shared_ptr<ConfirmedMarks> confirmed)
      : compiler_(compiler), placed_(std::move(placed)), confirmed_(std::move(confirmed)) {}
  // They go into a site list; `take` gets its text at the end of the unit, if that has no errors.
  UnitConsumer(clang::CompilerInstance& compiler, std::function<void(std::string)> take)
      : compiler_(compiler), take_list_(std::move(take)) {}

  void Initialize(clang::ASTContext& context) override;
  bool HandleTopLevelDecl(clang::DeclGroupRef group) override;
  void HandleTranslationUnit(clang::ASTContext& context) override;
  bool shouldSkipFunctionBody(clang::Decl* declaration) override;

 private:
  void read(clang::Decl* declaration);
  void read_members(clang::DeclContext* scope);
  void read_variable(clang::VarDecl* variable);
  void read_function(clang::FunctionDecl* function);
  void read_alloca(clang::CallExpr* call, const Request& request, const FunctionBody& body);
  void read_body(const FunctionBody& body);
  void read_call(clang::CallExpr* call, const Request& request, const FunctionBody& body);
  bool can_wait(const clang::FunctionDecl* function) const;
  std::optional<SiteType> type_of(const clang::CallExpr* call, const Request& request,
                                  const Target& target, const FunctionBody& body);

  clang::CompilerInstance& compiler_;
  std::function<void(std::string)> take_list_;
  std::shared_ptr<PlacedMarks> placed_;
  std::shared_ptr<ConfirmedMarks> confirmed_;
  clang::ASTContext* context_ = nullptr;
  bool changes_tree_ = false;
  FunctionBodies bodies_;
  std::unique_ptr<AllocationCalls> calls_;
  std::unique_ptr<Conveyance> conveyance_;
  std::unique_ptr<SiteListWriter> list_;
  std::unique_ptr<LateBodies> late_;      // of C++
  std::unique_ptr<PassedBodies> passed_;  // of C
  llvm::DenseSet<const clang::Decl*> seen_;
  std::vector<std::unique_ptr<FunctionBody>> initialisers_;
  std::vector<clang::FunctionDecl*> waiting_;
  // A call that was marked on the word of a pointer to bytes, or of who asks for a piece of a pool.
  struct Unconfirmed {
    const clang::Expr* block;  // as for ByteUses
    bool is_stored_at;
    bool has_only_views;  // of Target
    const FunctionBody* body;
    const Pool* pool;  // nullptr: bytes
    types::SiteKind kind;
    std::string marker;
  };
  // Nothing if it is neither confirmed nor refuted.
  std::optional<types::SiteKind> confirmed_kind(const Unconfirmed& one);
  bool is_at_end_ = false;
  std::vector<std::unique_ptr<Unconfirmed>> unconfirmed_;
  std::unique_ptr<ByteUses> byte_uses_;
};

}  // namespace allocs::plugin
