// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>

#include <string>

namespace allocs::plugin {

// The name of a type as docs/formats/metadata.md spells it, templates as gcc writes them.
std::string canonical_name(clang::QualType type, const clang::ASTContext& context);

// The structure, union, class or enumeration that a type is made of, behind pointers and arrays; nullptr if there is none.
const clang::TagDecl* tag_in(clang::QualType type, const clang::ASTContext& context);

}  // namespace allocs::plugin
