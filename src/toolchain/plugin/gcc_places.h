// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/plugin/function_body.h"

namespace allocs::plugin {

// Where gcc places a call in its line table: docs/formats/site_list.md has the rules. A place in a macro counts as the place where
// the outermost macro is used.
clang::SourceLocation gcc_place_of(const clang::CallExpr* call, const FunctionBody& body,
                                   const clang::ASTContext& context);
clang::SourceLocation gcc_place_of(const clang::CXXNewExpr* expression, const FunctionBody& body,
                                   const clang::ASTContext& context);

}  // namespace allocs::plugin
