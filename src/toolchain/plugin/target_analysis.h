// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "toolchain/plugin/function_body.h"

namespace allocs::plugin {

// What the pointers that receive a value point at, as far as they say.
struct Target {
  clang::QualType type;   // null: they say nothing
  bool is_bytes = false;  // char and the like: also what a program uses for memory of any type
  bool has_only_views =
      false;  // bytes, by casts alone that compute an address, or that nothing looks at
  bool has_conflict = false;                  // they contradict each other, and `type` is null
  llvm::SmallVector<clang::QualType, 1> all;  // what each of them says, but bytes
  bool is_returned =
      false;  // the value itself is what the function returns, and met no type before
  llvm::SmallVector<clang::QualType, 1>
      inside;                       // what is made of addresses further on: `(T *)(p + n)`
  bool is_aligned_by_hand = false;  // its address becomes a number, and that another one
  bool is_handed_on = false;        // it is what the function returns, under whatever type
  bool is_handed_on_raw = false;    // ... and that is `void *` or a pointer to bytes
  // By a cast to a structure in a function that returns the block as a `void *`: it may be anything to who gets it.
  bool is_cast_for_callers = false;
  bool is_used_as_bytes = false;  // the function returns bytes, and reads or writes them one by one
  // The value itself is what the function stores where this parameter points (`*out = p`), and met no type before.
  std::optional<unsigned> stored_by_parameter;

  bool is_given_to_caller() const { return is_returned || stored_by_parameter.has_value(); }
};

// The declared types that the value of `expression`, a pointer, meets on its way: casts, variables, members, parameters, the
// function's own return type. Behind a `void *` variable all its uses are looked at that may see the value.
Target target_of(const clang::Expr* expression, const FunctionBody& body,
                 const clang::ASTContext& context);

// The same for a block whose address is stored at `address`: what the pointer there points at.
Target target_stored_at(const clang::Expr* address, const FunctionBody& body,
                        const clang::ASTContext& context);

// char, signed char, unsigned char, std::byte, uint8_t: what raw memory is often counted in.
bool is_byte_type(clang::QualType type);
// Such a type, or an array of it, or of arrays of it.
bool are_bytes(clang::QualType type, const clang::ASTContext& context);
// `void *`, or a pointer to bytes.
bool is_raw_pointer(clang::QualType type);

// Whether a block of `outer` may be used through a pointer to `inner`: it is a base class or lies at the start of it.
bool starts_with(clang::QualType outer, clang::QualType inner, const clang::ASTContext& context);

}  // namespace allocs::plugin
