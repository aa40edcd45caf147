// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>
#include <llvm/ADT/SmallPtrSet.h>

#include <optional>
#include <vector>

#include "toolchain/plugin/function_body.h"
#include "toolchain/plugin/size_analysis.h"

namespace allocs::plugin {

// A function that asks for memory in blocks and hands it out in pieces as large as its callers say: see pools.cc.
struct Pool {
  using Fields = llvm::SmallPtrSet<const clang::FieldDecl*, 2>;

  const clang::FunctionDecl* function = nullptr;
  const clang::CallExpr* call = nullptr;  // asks for a block
  unsigned size = 0;                      // the parameter that tells the bytes of a piece
  unsigned state = 0;                     // ... that points to the structure in which the pool is
  const clang::RecordDecl* record = nullptr;  // that structure
  Fields places;                              // its members that lead to pieces
  Fields lists;                               // ... to addresses of blocks, which nobody looks into
};

// What the body alone shows. `call` is one that may allocate.
std::optional<Pool> pool_around(const clang::CallExpr* call, const FunctionBody& body,
                                const clang::ASTContext& context);

// How sure it is that all pieces of one block are of one type, that which a call of the pool's function asks for.
enum class PoolWorth : std::uint8_t {
  none,       // something else may be in a block, or it is not known what
  plausible,  // if pointers with different names lead to different pools
  certain
};

// Asks all of a unit of C, at its end.
class PoolUses {
 public:
  PoolUses(clang::ASTContext& context, FunctionBodies& bodies, SizeAnalysis& sizes)
      : context_(context), bodies_(bodies), sizes_(sizes) {}

  PoolWorth worth_of(const Pool& pool);
  // A call asks for a piece, but not as one of the type that its size tells. Before the tree is changed there, and before the worth is asked.
  void doubt(const Pool& pool) { doubted_.insert(pool.function); }

 private:
  PoolWorth find(const Pool& pool);

  clang::ASTContext& context_;
  FunctionBodies& bodies_;
  SizeAnalysis& sizes_;
  llvm::DenseMap<const clang::FunctionDecl*, PoolWorth> known_;
  llvm::SmallPtrSet<const clang::FunctionDecl*, 2> doubted_;
};

}  // namespace allocs::plugin
