// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/ADT/DenseMap.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "toolchain/plugin/placed_marks.h"
#include "toolchain/plugin/site_choice.h"

namespace allocs::plugin {

// The typedefs through which the tree tells the code what a call allocates: what the pass of site_pass.h finds on a call.
//
//     __allocs_site$saa-      kind, then a flag; then, for a call that is found by its place, a number
//
// Of `new T[n][4][3]` the typedef is one of T, and "x4x3" comes after the flag. The flag `b` stands for a call that the compiler may optimise away, as it may __builtin_operator_new's; `c` for an array
// with a cookie of one word (the typedef's type is then the element, not the whole block), `d` with one of two words, and so on through the powers of two; `-` for neither.
inline constexpr char kNoFlag = '-';
inline constexpr char kBuiltinFlag = 'b';
inline constexpr char kFirstCookieFlag = 'c';
inline constexpr char kLastCookieFlag = 'z';
inline constexpr char kDimension = 'x';

constexpr bool is_cookie_flag(char flag) {
  return flag >= kFirstCookieFlag && flag <= kLastCookieFlag;
}
// Of a flag for which is_cookie_flag() holds.
constexpr std::uint64_t words_of_cookie(char flag) {
  return std::uint64_t{1} << (flag - kFirstCookieFlag);
}

// Changes the tree so that clang's own code generation puts a type on an allocating call (`!heapallocsite`), which it does for
// the allocators of another operating system: a call whose callee has the allocator attribute gets the type of the innermost
// explicit cast around it, and that of `new` the type it allocates. So callees get the attribute, calls a cast to a typedef of
// the type. The code stays the same: pointers have no types there.
class Conveyance {
 public:
  // `placed` gets the calls that code generation does not put a type on.
  Conveyance(clang::ASTContext& context, PlacedMarks& placed)
      : context_(context), placed_(placed) {}

  // False, and nothing is changed, if there is no way for it.
  bool mark(clang::CallExpr* call, const SiteType& type, const FunctionBody& body);
  bool mark(clang::CXXNewExpr* expression, const SiteType& type);
  // The next call's mark is the only one of its name, which `name` gets: something may still be found out about it.
  void name_next(std::string* name) { own_name_ = name; }
  // Of a call of alloca.
  bool mark_alloca(clang::CallExpr* call, const SiteType& type, const FunctionBody& body);
  // Of a call that stores the block's address at its argument `address`.
  bool mark_stored(clang::CallExpr* call, clang::Expr* address, const SiteType& type,
                   const FunctionBody& body);
  // Of a call or `new` in a default argument, for the calls that leave the argument out: code generation puts no types into default
  // arguments, and their code has the places of these calls. False as well for what is in none.
  bool mark_in_default(clang::Expr* allocation, const clang::FunctionDecl* callee,
                       const SiteType& type, const FunctionBody& body);

 private:
  clang::QualType marker(std::string name, clang::QualType type);
  clang::TypedefDecl* new_typedef(llvm::StringRef name, clang::QualType type);
  clang::QualType marked_type(const SiteType& type);
  clang::QualType flexible_record(clang::QualType head, clang::QualType tail);
  clang::QualType union_of(clang::QualType first, llvm::ArrayRef<clang::QualType> others);
  clang::RecordDecl* new_record(llvm::StringRef name, clang::TagTypeKind kind);
  void add_member(clang::RecordDecl* record, clang::QualType type, llvm::StringRef name);
  clang::FunctionDecl* replaced_operator_new(const clang::CallExpr* call) const;
  // `marked` is the expression that gets the cast; `callee` as in PlacedMark.
  bool mark_by_place(clang::CallExpr* call, const std::string& callee, clang::Expr* marked,
                     const SiteType& type, const FunctionBody& body);
  // The mark called `marker` is on calls of `callee` at that place of the body's function.
  bool place(clang::SourceLocation at, const std::string& callee, const std::string& marker,
             const FunctionBody& body);
  bool put_cast(clang::Expr* marked, clang::QualType marker, const FunctionBody& body);
  bool put_between(clang::Expr* cast, clang::Expr* expression, const FunctionBody& body);
  bool put_in_initialiser(clang::Expr* cast, clang::Expr* expression, const FunctionBody& body);

  clang::ASTContext& context_;
  PlacedMarks& placed_;
  std::map<std::pair<std::string, void*>, clang::TypedefDecl*> markers_;
  llvm::DenseMap<const clang::Expr*, std::string> default_markers_;
  std::string* own_name_ = nullptr;
  std::size_t own_names_ = 0;
  std::map<std::pair<void*, void*>, clang::QualType> flexible_records_;
  std::map<std::vector<void*>, clang::QualType> unions_;
};

}  // namespace allocs::plugin
