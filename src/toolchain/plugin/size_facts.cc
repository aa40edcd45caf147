// SPDX-License-Identifier: Apache-2.0
//
// A variable may have one value on one way through a function and another on another. Where these differ in nothing but the structure whose
// size they begin with, the size is that of one of them; where they differ in more, nothing is concluded.
#include "toolchain/plugin/size_facts.h"

#include <algorithm>

#include "toolchain/plugin/target_analysis.h"

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr std::size_t kMostTerms = 8;
constexpr std::size_t kMostOthers = 15;

std::int64_t saturated(std::int64_t value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  return std::clamp(value, -kMost, kMost);
}

}  // namespace

bool SizeFacts::has_positive_term() const {
  return std::any_of(terms.begin(), terms.end(), [](const SizeTerm& t) { return !t.is_negative; });
}

bool SizeFacts::has_choice() const {
  return std::any_of(terms.begin(), terms.end(),
                     [](const SizeTerm& t) { return !t.others.empty(); });
}

SizeFacts SizeFacts::without_choice() const {
  if (!has_choice()) return *this;
  SizeFacts facts = *this;
  facts.has_lost_choice = true;
  facts.has_own_part |= has_more || bytes != 0 || parameters != 0;
  facts.terms.clear();
  facts.has_more = true;
  facts.is_uncertain = facts.has_floor = false;
  return facts;
}

SizeFacts SizeFacts::without_floor() const {
  SizeFacts facts = *this;
  facts.terms.clear();
  facts.is_uncertain = false;
  facts.has_floor = facts.is_rounded = false;
  return facts;
}

SizeFacts SizeFacts::without_terms() const {
  SizeFacts facts = without_floor();
  facts.has_more = true;
  facts.is_perhaps_plain = false;
  return facts;
}

SizeFacts unknown_size() {
  SizeFacts facts;
  facts.has_more = true;
  return facts;
}

SizeFacts constant_size(std::int64_t bytes) {
  SizeFacts facts;
  facts.bytes = saturated(bytes);
  return facts;
}

SizeFacts noting_loss(SizeFacts result, const SizeFacts& a, const SizeFacts& b) {
  const bool had_choice = a.has_choice() || b.has_choice();
  result.has_lost_choice |=
      a.has_lost_choice || b.has_lost_choice || (had_choice && !result.has_choice());
  result.scales_parameters |= a.scales_parameters || b.scales_parameters;
  return result;
}

SizeFacts unknown_of(const SizeFacts& a, const SizeFacts& b) {
  SizeFacts facts = unknown_size();
  facts.parameters = a.parameters | b.parameters;
  facts.scales_parameters = facts.parameters != 0;
  return noting_loss(facts, a, b);
}

SizeFacts SizeArithmetic::combine(BinaryOperatorKind operation, const SizeFacts& a,
                                  const SizeFacts& b) const {
  switch (operation) {
    case BO_Mul:
      return product(a, b);
    case BO_Add:
      return sum(a, b, false);
    case BO_Sub:
      return difference(a, b);
    case BO_Shl: {
      if (!b.terms.empty()) return noting_loss(unknown_size(), a, b);
      const bool is_known = b.is_constant() && b.bytes >= 0 && b.bytes < 40;
      return product(a, is_known ? constant_size(std::int64_t{1} << b.bytes) : unknown_size());
    }
    case BO_And:
    case BO_Or:
    case BO_Xor:
      return masked(a, b);
    case BO_Div:
      return quotient(a, b);
    default:
      return unknown_of(a, b);
  }
}

// How many there are: of that only the parameters matter, and of how many bytes.
SizeFacts SizeArithmetic::quotient(const SizeFacts& a, const SizeFacts& b) const {
  if (a.is_constant() && b.is_constant() && b.bytes > 0) return constant_size(a.bytes / b.bytes);
  SizeFacts facts = unknown_of(a, b);
  const bool is_size =
      b.terms.size() == 1 && !b.terms[0].is_multiple && b.bytes == 0 && b.is_known();
  const std::int64_t divisor = is_size           ? byte_count(b.terms[0].type)
                               : b.is_constant() ? b.bytes
                                                 : 0;
  const bool is_of_bytes =
      llvm::all_of(a.terms, [&](const SizeTerm& term) { return byte_count(term.type) == divisor; });
  if (is_of_bytes) facts.divisor = divisor;
  return facts;
}

// Masks, and the steps of rounding up or down to a multiple.
SizeFacts SizeArithmetic::masked(const SizeFacts& a, const SizeFacts& b) const {
  if (a.has_choice() || b.has_choice()) return masked(a.without_choice(), b.without_choice());
  SizeFacts facts;
  if (!a.terms.empty() || b.is_constant()) {
    facts = padded(a);
  } else if (!b.terms.empty() || a.is_constant()) {
    facts = padded(b);
  } else {
    return unknown_of(a, b);
  }
  facts.scales_parameters |= facts.parameters != 0;
  return noting_loss(facts, a, b);
}

SizeFacts SizeArithmetic::difference(const SizeFacts& a, const SizeFacts& b) const {
  if (b.has_choice()) return unknown_of(a, b);
  if (!b.is_constant() && a.has_choice()) return difference(a.without_choice(), b);
  SizeFacts facts = sum(a, b, true);
  facts.scales_parameters |= !b.is_constant() && facts.parameters != 0;
  return facts;
}

std::int64_t SizeArithmetic::byte_count(QualType type) const {
  return saturated(context_.getTypeSizeInChars(type).getQuantity());
}

bool SizeArithmetic::are_characters(const SizeFacts& facts) const {
  return !facts.terms.empty() && llvm::all_of(facts.terms, [&](const SizeTerm& term) {
    return are_bytes(term.type, context_);
  });
}

SizeFacts SizeArithmetic::without_characters(const SizeFacts& a) const {
  const bool are_all = are_characters(a);
  const auto is_to_drop = [&](const SizeTerm& term) {
    return are_bytes(term.type, context_) && !term.is_element && (are_all || !term.is_multiple);
  };
  SizeFacts facts = a;
  llvm::erase_if(facts.terms, is_to_drop);
  if (!facts.terms.empty() || a.terms.empty()) return facts;
  facts.has_more |= facts.is_uncertain || facts.is_perhaps_plain;
  facts.is_uncertain = facts.is_perhaps_plain = facts.has_floor = false;
  return facts;
}

SizeFacts SizeArithmetic::product(const SizeFacts& a, const SizeFacts& b) const {
  const auto is_one_time = [](const SizeFacts& facts) {
    return facts.is_constant() && facts.bytes == 1;
  };
  if (is_one_time(a)) return b;
  if (is_one_time(b)) return a;
  if (a.has_choice() || b.has_choice()) return product(a.without_choice(), b.without_choice());
  if (are_characters(a) || are_characters(b)) {
    const bool is_first = are_characters(a);
    SizeFacts counted = is_first ? a : b;
    const llvm::SmallVector<SizeTerm, 2> terms = std::move(counted.terms);
    counted.terms.clear();
    SizeFacts facts = product(counted, is_first ? b : a);
    if (!facts.terms.empty()) return facts;
    for (SizeTerm term : terms) {
      term.is_multiple = true;
      add_term(facts, term);
    }
    return facts;
  }
  if (a.is_constant() && b.is_constant()) {
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(a.bytes, b.bytes, &bytes)) return unknown_size();
    return constant_size(bytes);
  }
  // n * sizeof(T) * sizeof(U) is nothing that we know.
  if (!a.terms.empty() && !b.terms.empty()) return noting_loss(unknown_size(), a, b);
  const bool is_number_of_parameter = b.terms.empty() && a.parameters != 0 && b.parameters == 0;
  const bool is_first = !a.terms.empty() || is_number_of_parameter;
  const SizeFacts& typed = is_first ? a : b;
  const SizeFacts& factor = is_first ? b : a;
  // `n * (key_size + sizeof(int))`: numbers somewhere in elements of which nothing else is known.
  const bool is_part = typed.terms.size() == 1 && typed.terms[0].type->isScalarType() &&
                       !typed.terms[0].is_multiple && (typed.has_more || typed.parameters != 0) &&
                       !typed.is_uncertain && !typed.is_perhaps_plain;
  if (is_part) return unknown_of(a, b);
  SizeFacts facts = typed;
  facts.divisor = 0;
  facts.multiplies_parameters |=
      facts.terms.empty() && typed.parameters != 0 && factor.parameters != 0;
  const auto is_one_parameter = [](const SizeFacts& of) {
    return of.parameters != 0 && of.bytes == 0 && !of.has_more;
  };
  const bool are_factors = is_one_parameter(typed) && is_one_parameter(factor) &&
                           (typed.parameters & factor.parameters) == 0;
  facts.parameters |= factor.parameters;
  facts.scales_parameters |= facts.parameters != 0 && !are_factors;
  facts.is_uncertain |= factor.is_uncertain;
  facts.has_floor = false;
  for (SizeTerm& term : facts.terms) term.is_multiple = true;
  if (facts.terms.empty()) {
    const bool is_counted = typed.parameters != 0 && factor.parameters == 0;
    // Of a parameter that was rounded, an element is larger than it.
    const bool is_padded = typed.scales_parameters && !typed.counts_parameters;
    // `(n < least ? least : n) * size`: a number that is not all the caller's.
    const auto is_other_number = [](const SizeFacts& of) {
      return of.has_more && of.parameters != 0 && !of.has_own_part && !of.scales_parameters;
    };
    facts.has_more = is_counted ? typed.has_more || is_padded
                                : (typed.has_more && !is_other_number(typed)) ||
                                      (factor.has_more && !is_other_number(factor));
    facts.counts_parameters |= is_counted || factor.counts_parameters || factor.bytes != 0 ||
                               is_other_number(typed) || is_other_number(factor);
    facts.multiplies_parameters |= factor.multiplies_parameters;
  } else {
    facts.parameters = typed.parameters;  // how many is not what: the type is known here
    const bool is_unit = facts.terms.size() == 1 && typed.bytes == 0 && factor.divisor > 1 &&
                         byte_count(facts.terms[0].type) == factor.divisor;
    if (is_unit) {
      facts.is_rounded = true;
      facts.parameters |= factor.parameters;
    }
  }
  std::int64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(facts.bytes, factor.bytes, &bytes);
  if (facts.bytes != 0 && (!factor.is_constant() || !fits)) facts.has_more = true;
  facts.bytes = factor.is_constant() && fits ? saturated(bytes) : 0;
  return noting_loss(facts, a, b);
}

SizeFacts SizeArithmetic::sum(SizeFacts a, const SizeFacts& b, bool is_difference) const {
  const auto is_own = [](const SizeFacts& facts) {
    return facts.has_more && facts.terms.empty() && facts.parameters == 0;
  };
  a.has_own_part |= b.has_own_part || is_own(a) || is_own(b);
  a.divisor = b.is_constant() ? a.divisor : a.is_constant() ? b.divisor : 0;
  a.is_rounded |= b.is_rounded;
  a.has_floor = (a.has_floor && b.terms.empty()) || (b.has_floor && a.terms.empty());
  for (SizeTerm term : b.terms) {
    if (is_difference) term.is_negative = !term.is_negative;
    add_term(a, term);
  }
  a.bytes = saturated(is_difference ? a.bytes - b.bytes : a.bytes + b.bytes);
  a.has_more |= b.has_more;
  a.is_uncertain |= b.is_uncertain;
  a.is_perhaps_plain |= b.is_perhaps_plain;
  a.has_lost_choice |= b.has_lost_choice;
  a.scales_parameters |= b.scales_parameters || (a.parameters & b.parameters) != 0;
  a.counts_parameters |= b.counts_parameters;
  a.has_more |= (a.multiplies_parameters || b.multiplies_parameters) && a.parameters != 0 &&
                b.parameters != 0;
  a.multiplies_parameters |= b.multiplies_parameters;
  a.parameters |= b.parameters;
  return a;
}

SizeFacts SizeArithmetic::padded(SizeFacts a) {
  a.bytes = 0;
  return a;
}

SizeFacts SizeArithmetic::either(const SizeFacts& a, const SizeFacts& b) const {
  // `n != 0 ? n * sizeof(T) : sizeof(char)`
  const auto counted = [&](const SizeFacts& facts, const SizeFacts& other) {
    SizeFacts bytes = facts;
    const bool is_beside_type = !other.terms.empty() && !are_characters(other);
    if (is_beside_type && are_characters(facts)) bytes.terms.clear();
    return bytes;
  };
  return noting_loss(merged(counted(a, b), counted(b, a)), a, b);
}

SizeFacts SizeArithmetic::merged(const SizeFacts& a, const SizeFacts& b) const {
  if (a.terms.empty() && b.terms.empty()) {
    // `n != 0 ? n : 1` is n.
    if (a.parameters != 0 && b.is_constant()) return a;
    if (b.parameters != 0 && a.is_constant()) return b;
    SizeFacts facts = a;
    facts.has_more |= b.has_more || a.bytes != b.bytes;
    facts.parameters |= b.parameters;
    facts.counts_parameters |= b.counts_parameters;
    facts.multiplies_parameters |= b.multiplies_parameters;
    if (a.divisor != b.divisor) facts.divisor = 0;
    return facts;
  }
  if (a.terms.empty() || b.terms.empty()) {
    // `n != 0 ? n * sizeof(T) : 1` is about T; some other number of bytes may be about anything.
    SizeFacts facts = a.terms.empty() ? b : a;
    const SizeFacts& other = a.terms.empty() ? a : b;
    if (facts.has_choice()) return merged(facts.without_choice(), other);
    const bool is_constant = facts.parameters == 0 && !facts.has_more &&
                             std::none_of(facts.terms.begin(), facts.terms.end(),
                                          [](const SizeTerm& t) { return t.is_multiple; });
    facts.has_floor |= is_constant && other.parameters != 0;
    facts.divisor = 0;
    const bool may_be_something =
        !other.is_constant() || other.bytes >= byte_count(facts.terms[0].type);
    facts.is_uncertain |= may_be_something;
    facts.is_perhaps_plain = true;
    facts.parameters |= other.parameters;
    return facts;
  }
  const auto same = [&](const SizeTerm& s, const SizeTerm& t) {
    return context_.hasSameUnqualifiedType(s.type, t.type) && s.is_negative == t.is_negative &&
           s.is_offset == t.is_offset && s.others == t.others;
  };
  const bool are_same = a.terms.size() == b.terms.size() &&
                        std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), same);
  if (!are_same) {
    if (auto facts = one_of(a, b)) return *facts;
    // One may be a part of the other: sizeof(T), and then sizeof(T) + more.
    const SizeFacts& shorter = a.terms.size() < b.terms.size() ? a : b;
    const SizeFacts& longer = a.terms.size() < b.terms.size() ? b : a;
    const bool begins =
        shorter.terms.size() < longer.terms.size() &&
        std::equal(shorter.terms.begin(), shorter.terms.end(), longer.terms.begin(), same);
    if (!begins) return unknown_size();
    SizeFacts facts = longer;
    facts.has_floor = false;
    facts.is_uncertain |= shorter.is_uncertain;
    facts.is_perhaps_plain |= shorter.is_perhaps_plain;
    facts.has_more |= shorter.has_more || shorter.bytes != longer.bytes;
    return facts;
  }
  SizeFacts facts = a;
  for (std::size_t i = 0; i < facts.terms.size(); ++i)
    facts.terms[i].is_multiple |= b.terms[i].is_multiple;
  facts.has_more |= b.has_more || a.bytes != b.bytes;
  facts.has_floor &= b.has_floor;
  facts.is_rounded |= b.is_rounded;
  facts.is_uncertain |= b.is_uncertain;
  facts.is_perhaps_plain |= b.is_perhaps_plain;
  facts.parameters |= b.parameters;
  return facts;
}

// The size of one structure or of another, and perhaps more: `flag ? sizeof(A) : sizeof(B) + n`. Not if there is any doubt on one side.
std::optional<SizeFacts> SizeArithmetic::one_of(const SizeFacts& a, const SizeFacts& b) const {
  const auto is_head = [](const SizeFacts& facts) {
    if (facts.terms.size() != 1 || facts.bytes < 0) return false;
    if (facts.is_uncertain || facts.is_perhaps_plain || facts.has_floor) return false;
    const SizeTerm& term = facts.terms[0];
    return term.type->isRecordType() && !term.is_multiple && !term.is_negative && !term.is_offset;
  };
  if (!is_head(a) || !is_head(b)) return std::nullopt;
  SizeFacts facts = a;
  SizeTerm& term = facts.terms[0];
  const auto add = [&](QualType type) {
    const auto is_known = [&](QualType one) { return context_.hasSameType(one, type); };
    if (!is_known(term.type) && llvm::none_of(term.others, is_known)) term.others.push_back(type);
  };
  add(b.terms[0].type);
  for (const QualType type : b.terms[0].others) add(type);
  if (term.others.size() > kMostOthers) return std::nullopt;
  facts.has_more |= b.has_more || a.bytes != b.bytes;
  facts.has_own_part |= b.has_own_part;
  facts.parameters |= b.parameters;
  return facts;
}

void SizeArithmetic::add_term(SizeFacts& facts, SizeTerm term) const {
  term.type = term.type.getUnqualifiedType();
  const bool has_no_size = term.type.isNull() || term.type->isDependentType() ||
                           term.type->isIncompleteType() || term.type->isFunctionType() ||
                           term.type->isVoidType() || term.type->isVariablyModifiedType();
  if (has_no_size) {
    facts.has_more = true;
    return;
  }
  for (auto known = facts.terms.begin(); known != facts.terms.end(); ++known) {
    if (!context_.hasSameType(known->type, term.type)) continue;
    if (!known->others.empty() || !term.others.empty()) continue;
    if (known->is_negative != term.is_negative && !known->is_offset && !term.is_offset) {
      // n * sizeof(T) - sizeof(T): one less of them. sizeof(T) - sizeof(T): none.
      if (known->is_multiple || term.is_multiple) {
        known->is_multiple = true;
        known->is_negative = false;
      } else {
        facts.terms.erase(known);
      }
      return;
    }
    if (known->is_negative == term.is_negative && known->is_offset == term.is_offset) {
      // Of characters that means that there are more than these.
      known->is_multiple |= term.is_multiple || !are_bytes(term.type, context_);
      known->is_element &= term.is_element;
      return;
    }
  }
  if (facts.terms.size() < kMostTerms) {
    facts.terms.push_back(term);
  } else {
    facts.has_more = true;
  }
}

}  // namespace allocs::plugin
