// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>

#include <cstdint>
#include <vector>

#include "toolchain/plugin/function_body.h"

namespace allocs::plugin {

class PassedBodies;

// What a unit does with a block that a pointer to bytes receives.
enum class UseAsBytes : std::uint8_t {
  nothing_else,    // some use is as bytes, and none as anything else
  open,            // some use is as bytes, and some cannot be told; or nobody looked to the end
  none,            // none was seen as bytes
  something_else,  // ... and its address is made one of structures or of pointers
};

// Whether a unit of C uses a block as the bytes that the pointer which receives it says: see byte_uses.cc.
class ByteUses {
 public:
  // `passed`: the bodies that the parser passed over; nullptr: none.
  ByteUses(clang::ASTContext& context, FunctionBodies& bodies, PassedBodies* passed)
      : context_(context), bodies_(bodies), passed_(passed) {}

  // At the end of the unit. `block`: the call in `body` that returns the block, or the expression that points to where its address is stored.
  UseAsBytes use_of(const clang::Expr* block, bool is_stored_at, const FunctionBody& body);

 private:
  // Of the unit's own source file, those in which that name stands, or may stand.
  std::vector<const FunctionBody*> bodies_naming(const clang::IdentifierInfo* name);
  std::vector<const FunctionBody*> bodies_like(const clang::FunctionProtoType* type);
  // nullptr: the unit does not define it.
  const FunctionBody* body_of_function(const clang::FunctionDecl* function);
  void find_functions();

  clang::ASTContext& context_;
  FunctionBodies& bodies_;
  PassedBodies* passed_;
  std::vector<const clang::FunctionDecl*> functions_;
  bool has_functions_ = false;
};

}  // namespace allocs::plugin
