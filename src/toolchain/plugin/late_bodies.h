// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/Decl.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Lex/Token.h>
#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/DenseMap.h>

#include <cstdint>
#include <vector>

namespace allocs::plugin {

// Gives a function whose body the parser passed over the body `tokens`, from its brace to its brace; at the end of the unit, in the unit's scope.
void read_late(clang::CompilerInstance& compiler, clang::FunctionDecl* function,
               llvm::ArrayRef<clang::Token> tokens);

// Reads the bodies of inline functions in C++ headers only if the unit uses them.
//
// Of what a C++ unit includes it uses little; the bodies, and the instances of templates that only they ask for, are a third of
// what reading it costs. Compilers make no code of an inline function that nothing uses, so it has no sites either. A body that is
// not needed yet is passed over; its tokens are kept, and it is read at the end of the unit if something has used the function by then.
//
// Wants FrontendOptions::SkipFunctionBodies.
class LateBodies {
 public:
  explicit LateBodies(clang::CompilerInstance& compiler) : compiler_(compiler) {}

  // Keeps tokens from now on. Before the first token is read.
  void begin();

  // Whether the body of `declaration`, which is about to be read, is to be passed over.
  bool pass_over(clang::Decl* declaration);

  // At the end of the unit: reads what is used, and what that uses in turn. Returns the functions that have got bodies. If one cannot be
  // read now, that is an error of the unit, among the compiler's diagnostics.
  std::vector<clang::FunctionDecl*> read_used();

 private:
  struct Passed {
    clang::FunctionDecl* function;
    std::uint32_t body;  // of the first of its body's tokens
  };

  void keep(const clang::Token& token);
  std::uint32_t body_after(std::uint32_t name) const;
  std::uint32_t end_of_braces(std::uint32_t open) const;
  void read(const Passed& passed);

  clang::CompilerInstance& compiler_;
  std::vector<clang::Token> tokens_;
  llvm::DenseMap<clang::SourceLocation::UIntTy, std::uint32_t> names_;  // kAmbiguous: seen twice
  std::vector<Passed> passed_;
  bool is_at_end_ = false;
};

}  // namespace allocs::plugin
