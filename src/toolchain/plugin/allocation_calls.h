// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "toolchain/plugin/declared_functions.h"
#include "toolchain/plugin/pools.h"
#include "toolchain/plugin/size_analysis.h"
#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

enum class Allocator {
  known,  // what is declared, operator new, what has an attribute, a function of the unit that turned out to be a wrapper
  perhaps,  // it returns a pointer and is told a size, or some number
};

// What a call asks an allocation function for.
struct Request {
  Allocator allocator = Allocator::known;
  SizeFacts size;
  std::optional<SizeFacts>
      with_characters;  // before what counts characters was left out; nothing: it is all there
  const clang::Expr* stored_at =
      nullptr;  // where the block's address is stored; nullptr: it is returned
  std::optional<std::uint64_t> bytes;  // in all, if that is a constant
  bool returns_typed =
      false;  // not a `void *` or a byte pointer: its type may be a common head of many
  const Pool* pool = nullptr;  // it asks for a piece of that pool's block
};

// Whether a function that hands its caller's size on keeps bytes of its own in the block: it is no wrapper then.
//
//     unsigned char *insert(unsigned char *list, size_t n) { list = get(list, list_bytes(list) + n); list[0] = n; return list; }
bool keeps_own_bytes(const SizeFacts& size, const Target& target);

// Tells calls that allocate from others, and finds the unit's wrappers: functions that hand a size of their callers' to an
// allocation function and return what it returns.
class AllocationCalls {
 public:
  AllocationCalls(clang::ASTContext& context, FunctionBodies& bodies)
      : context_(context),
        bodies_(bodies),
        declared_(context),
        sizes_(context, bodies, declared_),
        pool_uses_(context, bodies, sizes_) {}

  // Nothing if it does not look like one.
  std::optional<Request> request_of(const clang::CallExpr* call, const FunctionBody& body);

  // What a call of alloca asks for; nothing of any other call.
  std::optional<Request> alloca_request_of(const clang::CallExpr* call, const FunctionBody& body);

  // The pool whose block the call asks for; nullptr: it is none's.
  const Pool* pool_of(const clang::CallExpr* call, const FunctionBody& body);
  PoolUses& pool_uses() { return pool_uses_; }

  // Whether users declare that what `function` allocates is its callers' business. nullptr: no.
  bool is_for_callers(const clang::FunctionDecl* function);

  // Whether the call asks, in an operator new, for the object that is made and perhaps for more: the object's size is the first parameter, and the object lies in front.
  static bool is_object_of_new(const Request& request, const Target& target,
                               const FunctionBody& body);
  // The same of `new char[n]` there.
  bool is_object_of_new(const clang::CXXNewExpr* expression, const FunctionBody& body);
  // Whether that operator new makes blocks larger than the objects in them, as far as its source is there.
  bool asks_for_more(const clang::FunctionDecl* operator_new);

  // What declarations alone tell of calls. Whether it is declared to hand out memory:
  bool is_declared_allocator(const clang::FunctionDecl* function);
  // ... whether it is known for something else:
  static bool never_allocates(const clang::FunctionDecl* function);
  // ... whether it can be a wrapper, if its body holds a site:
  static bool may_be_wrapper(const clang::FunctionDecl* function);

 private:
  // Where n * sizeof(char) is still more than n bytes.
  std::optional<Request> find_request(const clang::CallExpr* call, const FunctionBody& body);
  static std::optional<Request> request_without_size(const clang::CallExpr* call, int stored);
  std::optional<Request> known_request(const clang::CallExpr* call,
                                       const clang::FunctionDecl* callee, const FunctionBody& body);
  std::optional<Request> attributed_request(const clang::CallExpr* call,
                                            const clang::FunctionDecl* callee,
                                            const FunctionBody& body);
  std::optional<Request> possible_request(const clang::CallExpr* call, const FunctionBody& body);
  bool is_told_more_bytes(const clang::CallExpr* call, clang::QualType type,
                          const FunctionBody& body);
  std::optional<std::uint64_t> constant_of(const clang::Expr* size) const;
  struct Wrapper {
    SizeFacts size;  // in terms of the function's own parameters
    Allocator allocator = Allocator::known;
    std::optional<unsigned> stored_by_parameter;  // none: it returns the block
  };
  // nullptr if it is no wrapper.
  const Wrapper* wrapper(const clang::FunctionDecl* function);
  std::optional<Wrapper> wrapper_around(const clang::CallExpr* call, const FunctionBody& body);
  // Of a function that is no wrapper; nullptr if it is no pool's.
  const Pool* pool(const FunctionBody& body);
  const Pool* pool_behind(const clang::FunctionDecl* function);

  clang::ASTContext& context_;
  FunctionBodies& bodies_;
  DeclaredFunctions declared_;
  SizeAnalysis sizes_;
  PoolUses pool_uses_;
  llvm::DenseMap<const FunctionBody*, std::optional<Wrapper>> wrappers_;
  llvm::DenseMap<const FunctionBody*, std::unique_ptr<Pool>> pools_;
};

}  // namespace allocs::plugin
