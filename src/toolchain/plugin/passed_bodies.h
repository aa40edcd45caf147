// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/Decl.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Lex/Token.h>
#include <llvm/ADT/DenseMap.h>

#include <cstdint>
#include <vector>

namespace allocs::plugin {

class AllocationCalls;

// Reads of a C unit only the functions that can hold a site, and those that say what a size is made of.
//
// The parser passes over each body, and its tokens, macros expanded, are kept. At the end of the unit, when all that these name has been declared,
// they tell which bodies may hold a site (passed_bodies.cc has the essay); a body that something wants to know is read from them then.
//
// Wants FrontendOptions::SkipFunctionBodies. If a body cannot be read late, that is an error of the unit, among the compiler's diagnostics.
class PassedBodies {
 public:
  PassedBodies(clang::CompilerInstance& compiler, AllocationCalls& calls)
      : compiler_(compiler), calls_(calls) {}

  // Keeps tokens from now on. Before the first token is read.
  void begin();

  // Whether the body of `declaration`, which is about to be read, is to be passed over.
  bool pass_over(clang::Decl* declaration);

  // At the end of the unit, before what follows.
  void end();

  // Whether the body of `function` was passed over, read since or not.
  bool has(const clang::FunctionDecl* function) const;
  // True as well if it was not passed over, or cannot be told.
  bool may_hold_site(const clang::FunctionDecl* function) const;
  // Whether that name stands in its body.
  bool names(const clang::FunctionDecl* function, const clang::IdentifierInfo* name) const;
  // Reads it if it was passed over and has not been read.
  void read(const clang::FunctionDecl* function);

 private:
  struct Body {
    clang::FunctionDecl* function;
    std::uint32_t begin;  // among the tokens: of its opening brace
    std::uint32_t end = 0;
    bool is_read = false;
    bool holds_call = false;    // ... that may be a site, whatever its size is made of
    bool gets_pointer = false;  // calls a function that returns one and is told a number
    bool has_size = false;      // its sizes may be made of types
    std::vector<std::uint32_t> named = {};  // bodies of the functions that it names
    bool may_hold_site() const { return holds_call || (gets_pointer && has_size); }
  };
  // What it means to a body that it names something.
  struct Meaning {
    bool is_type = false;
    bool is_function_type = false;  // one that leads to a function
    bool has_size = false;
    bool allocates = false;     // if it is called
    bool gets_pointer = false;  // if it is called
    std::uint32_t body = kNoBody;
  };
  static constexpr std::uint32_t kNoBody = ~std::uint32_t{0};

  void keep(const clang::Token& token);
  void give_up();
  void look_into(Body& body);
  void look_at_call(Body& body, std::uint32_t paren, std::uint32_t closed);
  void spread();
  clang::SourceLocation first_declared(const clang::IdentifierInfo* name, bool is_tag);
  bool is_early(const Body& body);
  const Meaning& meaning_of(const clang::IdentifierInfo* name);
  Meaning meaning_of_function(const clang::FunctionDecl* function) const;
  clang::NamedDecl* declared_as(const clang::IdentifierInfo* name, bool is_tag) const;
  std::uint32_t body_of(const clang::FunctionDecl* function) const;

  clang::CompilerInstance& compiler_;
  AllocationCalls& calls_;
  clang::Token last_ = {};   // outside bodies
  std::uint32_t depth_ = 0;  // of braces, in a body that is passed over
  bool is_at_end_ = false;
  std::vector<clang::Token> tokens_;  // of the bodies
  std::vector<Body> bodies_;
  llvm::DenseMap<const clang::FunctionDecl*, std::uint32_t> index_;  // by the first declaration
  llvm::DenseMap<const clang::IdentifierInfo*, Meaning> meanings_;
  llvm::DenseMap<const clang::IdentifierInfo*, clang::SourceLocation> tags_, functions_;
};

}  // namespace allocs::plugin
