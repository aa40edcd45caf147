// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/plugin/allocation_calls.h"
#include "types/site_id.h"

namespace allocs::plugin {

// What a call allocates.
struct SiteType {
  types::SiteKind kind;
  clang::QualType type;  // null of a wrapper's
  clang::QualType
      tail;  // of shape `flexible`: what follows; null: the type's own last member goes on
  llvm::SmallVector<clang::QualType, 0> others = {};  // of shape `one_of`: what it is if not `type`

  // Of a pointer to bytes nothing but the pointer speaks. What is done with the block may confirm it.
  bool is_bytes_on_its_word() const;
  // If it is what a pool hands out, the pool's block may be many of these.
  bool may_be_piece() const;
};

// Of a call whose block is the caller's business.
SiteType wrapper_site();

// The size, without terms that say nothing of how the block begins: what is made further on in it, `(T *)(p + n)`; what stands at an address that is
// aligned by hand; the unit that a number of bytes is rounded to.
SizeFacts about_beginning(const SizeFacts& size, const Target& target,
                          const clang::ASTContext& context);

// Weighs what the size says against what the receiving pointer says. Nothing if they leave a doubt.
std::optional<SiteType> choose_site_type(const Request& request, const Target& target,
                                         const clang::ASTContext& context);

// Of a new expression.
SiteType site_type_of(const clang::CXXNewExpr* expression, const clang::ASTContext& context);

}  // namespace allocs::plugin
