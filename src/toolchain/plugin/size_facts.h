// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/OperationKinds.h>
#include <clang/AST/Type.h>
#include <llvm/ADT/SmallVector.h>

#include <cstdint>
#include <optional>

namespace allocs::plugin {

// A part of a size that comes from a type.
struct SizeTerm {
  clang::QualType type;
  bool is_multiple = false;  // times something that is not 1
  bool is_negative = false;
  bool is_offset = false;   // offsetof(type, member): less than the type
  bool is_open = false;     // ... of an element of the array that ends the type
  bool is_element = false;  // of characters: an allocator of a type has counted them
  llvm::SmallVector<clang::QualType, 0> others = {};  // it is sizeof of `type` or of one of these
};

// What a size is made of: a sum of terms, bytes, and parameters of the function in which it is computed.
struct SizeFacts {
  // In source order, one for each type and sign. Those of characters are a note: they are counted with what has no type.
  llvm::SmallVector<SizeTerm, 2> terms;
  std::int64_t bytes = 0;              // that are counted without a type
  bool has_more = false;               // ... and further ones, not known how many
  bool is_uncertain = false;           // on some ways it is made of something else
  bool is_perhaps_plain = false;       // ... of a constant
  std::uint64_t parameters = 0;        // bit i: depends on parameter i
  bool multiplies_parameters = false;  // ... which are factors, not addends
  bool has_lost_choice =
      false;  // something is in it that is made of a size of one of several types, but not by adding to it
  bool scales_parameters = false;  // what is made of a parameter is not the sum of it and a number
  bool counts_parameters =
      false;  // what is made of a parameter is as many times it as a number says that is no parameter
  bool has_floor =
      false;  // the terms stand in for small parameters: `n < sizeof(T) ? sizeof(T) : n`
  bool has_own_part = false;  // a summand that no parameter goes into and nothing is known of
  std::int64_t divisor =
      0;  // it is a number of times so many bytes, with a remainder or more; 0: unknown
  bool is_rounded =
      false;  // its term is what a number of bytes is counted in: `n / sizeof(T) * sizeof(T)`

  bool is_known() const { return !has_more && parameters == 0; }
  bool is_constant() const { return terms.empty() && !has_more && parameters == 0; }
  bool has_positive_term() const;
  // Whether a term is sizeof of one of several types.
  bool has_choice() const;
  // The same, but nothing is known of such a term.
  SizeFacts without_choice() const;
  // Of what has a floor: the parameters alone.
  SizeFacts without_floor() const;
  // The same, but nothing is known of its terms.
  SizeFacts without_terms() const;
};

// Nothing is known of it.
SizeFacts unknown_size();
// Something of which only the parameters are known that went into it.
SizeFacts unknown_of(const SizeFacts& a, const SizeFacts& b);
// A number of bytes, of which more than 2^48 are as many.
SizeFacts constant_size(std::int64_t bytes);
// `result`, with a note of what it has lost of a and b, of which it is made.
SizeFacts noting_loss(SizeFacts result, const SizeFacts& a, const SizeFacts& b);

// How sizes are put together: what is known of a sum, a product or a choice, by what is known of its parts.
class SizeArithmetic {
 public:
  explicit SizeArithmetic(const clang::ASTContext& context) : context_(context) {}

  SizeFacts combine(clang::BinaryOperatorKind operation, const SizeFacts& a,
                    const SizeFacts& b) const;
  SizeFacts product(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts sum(SizeFacts a, const SizeFacts& b, bool is_difference) const;
  // It is a on some ways and b on others.
  SizeFacts either(const SizeFacts& a, const SizeFacts& b) const;
  // sizeof(char) is a way to write 1: who asks for that many may put anything there. The same without such terms, but for n * sizeof(char) behind something else, and
  // for what an allocator of a type asks for.
  SizeFacts without_characters(const SizeFacts& a) const;
  std::int64_t byte_count(clang::QualType type) const;
  // The same with padding: its bytes are no longer counted.
  static SizeFacts padded(SizeFacts a);
  void add_term(SizeFacts& facts, SizeTerm term) const;

 private:
  // There are such terms, and no others.
  bool are_characters(const SizeFacts& facts) const;
  SizeFacts quotient(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts masked(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts difference(const SizeFacts& a, const SizeFacts& b) const;
  SizeFacts merged(const SizeFacts& a, const SizeFacts& b) const;
  std::optional<SizeFacts> one_of(const SizeFacts& a, const SizeFacts& b) const;

  const clang::ASTContext& context_;
};

}  // namespace allocs::plugin
