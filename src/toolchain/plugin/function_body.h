// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/ExprCXX.h>
#include <llvm/ADT/DenseMap.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace allocs::plugin {

class PassedBodies;

// Where an expression's value goes that is not an operand of another one.
struct Slot {
  clang::VarDecl* variable = nullptr;  // it initialises this one
  clang::FieldDecl* field = nullptr;   // ... or this one
};

// One way in which a variable gets a value.
struct Assignment {
  const clang::Stmt* at = nullptr;  // what assigns: a declaration, an operator, a call
  const clang::Expr* value =
      nullptr;  // nullptr: not known, something else may write to it; of `n++` and `n--`, which add and subtract: 1
  const clang::Expr* second =
      nullptr;  // of checked arithmetic (__builtin_mul_overflow) the other operand
  clang::BinaryOperatorKind operation = clang::BO_Assign;
  bool is_lasting = false;  // something else may write to it, now or at any time from now on
  unsigned order = 0;
};

// Where control may go on elsewhere than behind where it was, and the order of the source does not tell: `goto`, and a switch to each of its labels.
struct Jump {
  const clang::Stmt* at = nullptr;
  const clang::Stmt* label = nullptr;
  unsigned from = 0;  // orders
  unsigned to = 0;
};

// The body of a function, or the initialiser of a variable or member, with what the tree itself does not offer: ways up from an
// expression, and all places where a variable is used or assigned.
//
// Default arguments and default initialisers of members are looked at where they are used, so several bodies may share one.
//
// What is written to a number through its address, a reference, a lambda or by assembly is an assignment of something that is not known.
//
// Statements are numbered in the order of the source (`order`), which is how "before" is told. What is inside a lambda or a local
// class is not in here: these have functions of their own, listed in `nested`.
class FunctionBody {
 public:
  // `function` may be nullptr. The tree must outlive the body. It may be changed afterwards; the body still shows it as it was.
  explicit FunctionBody(clang::FunctionDecl* function) : function_(function) {}

  // A body is what has been added to it, in this order.
  void add_function();
  void add_initialiser(clang::Expr* init, Slot slot);

  clang::FunctionDecl* function() const { return function_; }
  clang::Stmt* parent(const clang::Stmt* of) const;
  // The calls and constructions that leave out the argument in whose default `of` is, or, where they are in a default themselves, those
  // further out; none if it is in no default argument. All of them share one expression, whose parent is the first.
  std::vector<const clang::Stmt*> users_of_default(const clang::Stmt* of) const;
  unsigned order(const clang::Stmt* of) const;
  // Calls visit(statement) for each statement and expression, in no order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [at, link] : links_) visit(at);
  }
  Slot slot(const clang::Stmt* of) const { return slots_.lookup(of); }
  // In source order.
  llvm::ArrayRef<Assignment> assignments(const clang::VarDecl* to) const;
  llvm::ArrayRef<clang::DeclRefExpr*> uses(const clang::VarDecl* of) const;
  // Where that member, a pointer to bytes, of any object is named.
  llvm::ArrayRef<clang::MemberExpr*> byte_members(const clang::FieldDecl* of) const;

  // In source order.
  std::vector<clang::CallExpr*> calls;
  std::vector<clang::CXXNewExpr*> news;
  std::vector<clang::ReturnStmt*> returns;
  std::vector<Jump> jumps;
  std::vector<clang::CXXRecordDecl*> nested;
  std::vector<clang::CXXConstructorDecl*>
      defaulted;  // constructors without a source that are called

 private:
  struct Link {
    clang::Stmt* parent = nullptr;
    unsigned order = 0;
  };

  void walk(clang::Stmt* root);
  void visit(clang::Stmt* at);
  void visit_name(clang::DeclRefExpr* at);
  void visit_declaration(clang::DeclStmt* at);
  void visit_checked_arithmetic(clang::CallExpr* at);
  void find_jumps();
  void assign(clang::VarDecl* to, const Assignment& how);

  clang::FunctionDecl* function_;
  unsigned next_order_ = 0;
  // Addresses of a tree lie close together; LLVM's own hash of them finds a hundred others first.
  struct SpreadAddress : llvm::DenseMapInfo<const clang::Stmt*> {
    static unsigned getHashValue(const clang::Stmt* at) {
      return static_cast<unsigned>(
          (reinterpret_cast<std::uintptr_t>(at) >> 3) * 0x9e3779b97f4a7c15u >> 32);
    }
  };
  llvm::DenseMap<const clang::Stmt*, Link, SpreadAddress> links_;
  llvm::DenseMap<const clang::Stmt*, Slot> slots_;
  llvm::DenseMap<const clang::Stmt*, std::vector<const clang::Stmt*>>
      default_users_;  // by the default's expression
  llvm::DenseMap<const clang::Stmt*, const clang::Stmt*>
      default_of_;  // the expression of each CXXDefaultArgExpr, as it was
  llvm::DenseMap<const clang::VarDecl*, std::vector<Assignment>> assignments_;
  llvm::DenseMap<const clang::VarDecl*, std::vector<clang::DeclRefExpr*>> uses_;
  llvm::DenseMap<const clang::FieldDecl*, std::vector<clang::MemberExpr*>> byte_members_;
  std::vector<const clang::Stmt*> jumping_;
  std::vector<const clang::LabelDecl*> labels_taken_;  // by their address
};

// What `at` is an operand or a part of, parentheses left out.
const clang::Stmt* above_parentheses(const clang::Stmt* at, const FunctionBody& body);

// The variable that `expression` names, through parentheses and casts; nullptr if it is anything else.
clang::VarDecl* variable_named_by(const clang::Expr* expression);

// The bodies of functions, each built when it is first asked for.
class FunctionBodies {
 public:
  // Bodies that were passed over are read when they are asked for. nullptr: there are none.
  void set_passed(PassedBodies* passed) { passed_ = passed; }
  // Whether a call in its body may allocate, or it has not been looked at.
  bool may_hold_site(const clang::FunctionDecl* function) const;
  // nullptr if there is no body (yet), or none that could be analysed: a template's pattern, one with errors.
  const FunctionBody* of(const clang::FunctionDecl* function);

 private:
  llvm::DenseMap<const clang::FunctionDecl*, std::unique_ptr<FunctionBody>> bodies_;
  PassedBodies* passed_ = nullptr;
};

// Whether a function or variable can be analysed: no template pattern, no errors in it.
bool is_sound(const clang::Decl* declaration);
bool is_sound(const clang::Expr* expression);

}  // namespace allocs::plugin
