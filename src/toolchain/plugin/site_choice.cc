// SPDX-License-Identifier: Apache-2.0
//
// The size and the receiving pointer are two witnesses.
//
//     struct node *n = malloc(sizeof *n);                       node; they agree
//     struct animal *a = malloc(sizeof(struct dog));            dog, which begins with an animal: they agree
//     unsigned *u = malloc(n * sizeof(int));                    unsigned[]: scalars of one size agree, the pointer knows the name
//     char *s = malloc(sizeof(struct node));                    node; a byte pointer says nothing
//     struct node *n = malloc(sizeof(struct point));            point, and they disagree
//     struct node *n = malloc(bytes);                           at least a node, on the pointer's word only
//     struct list *l = malloc(sizeof *l + n * sizeof(double));  list, then double[]
//     char *s = malloc(sizeof(unsigned) + n);                   char[]: a number is only in front of it
//     void *p = malloc(flag ? sizeof(struct a) : sizeof(struct b));   one of the two, whatever each pointer that receives it says of them
//     return malloc(size);                                      size is a parameter: a wrapper
//     object *o = new_object(sizeof(struct table));             table: who hands a size on gives each block the same type
//
// The reader of the debug information decides how much each of these is worth; here is only said what they are.
#include "toolchain/plugin/site_choice.h"

#include <algorithm>

namespace allocs::plugin {

using namespace clang;
using types::SiteKind;
using types::SiteOrigin;
using types::SiteShape;
using types::SiteTargetSays;

namespace {

// The element of the array that ends a type and may go on beyond it: T[], T[0], and T[1] before there was T[].
QualType open_element(QualType type, const ASTContext& context, int depth = 0) {
  const auto* record = type->getAsRecordDecl();
  if (record == nullptr || record->getDefinition() == nullptr || depth > 8) return {};
  const FieldDecl* last = nullptr;
  for (const FieldDecl* field : record->getDefinition()->fields()) last = field;
  if (last == nullptr) return {};
  if (const auto* array = context.getAsArrayType(last->getType())) {
    const auto* fixed = dyn_cast<ConstantArrayType>(array);
    const bool is_open = fixed == nullptr || fixed->getSize().ule(1);
    return is_open ? array->getElementType().getUnqualifiedType() : QualType{};
  }
  return open_element(last->getType(), context, depth + 1);
}

class Chooser {
 public:
  Chooser(const Request& request, const Target& target, const ASTContext& context)
      : size_(
            about_beginning(size_for(request, target, context).without_choice(), target, context)),
        request_(request),
        target_(target),
        context_(context) {}

  std::optional<SiteType> choose() {
    if (auto choice = choose_one_of()) return choice;
    if (!size_.has_positive_term()) return choose_without_terms();
    const bool is_least_or_unit = size_.has_floor || (size_.is_rounded && size_.parameters != 0);
    if (is_least_or_unit && (is_for_caller() || target_.is_handed_on_raw)) return wrapper_site();
    const SizeTerm* head = choose_head();
    if (head == nullptr) return std::nullopt;
    type_ = head->type;
    is_multiple_ = head->is_multiple;
    settle_arrays();
    says_ = compare_with_target();
    if (says_ == SiteTargetSays::nothing && may_begin_with_another(*head))
      says_ = SiteTargetSays::disagrees;
    const bool has_typed_target = !target_.type.isNull() && !target_.is_bytes;
    if (is_byte_type(type_) && has_typed_target) return by_target(false);
    if (is_header_of_bytes()) {
      const bool has_target = !target_.type.isNull();
      return has_target && request_.allocator == Allocator::known ? by_target(false) : std::nullopt;
    }
    const bool is_perhaps = request_.allocator == Allocator::perhaps;
    if (size_.is_uncertain && !is_certain_enough(is_perhaps)) {
      return has_typed_target && request_.allocator == Allocator::known ? by_target(false)
                                                                        : std::nullopt;
    }
    if (is_perhaps && says_ == SiteTargetSays::disagrees) {
      if (!request_.returns_typed) return std::nullopt;
      says_ = SiteTargetSays::nothing;  // `struct object *o = new_object(sizeof(struct table));`
    }
    QualType tail;
    const auto shape = shape_of(*head, tail);
    if (!shape) return std::nullopt;
    return SiteType{{SiteOrigin::size, says_, *shape}, type_, tail};
  }

 private:
  // Who counts rows of characters for a pointer to such rows does say what they are.
  static const SizeFacts& size_for(const Request& request, const Target& target,
                                   const ASTContext& context) {
    const bool is_to_rows = !target.type.isNull() && target.type->isConstantArrayType() &&
                            are_bytes(target.type, context);
    const bool are_all = request.with_characters && request.size.terms.empty();
    return is_to_rows && are_all ? *request.with_characters : request.size;
  }

  // The caller gets the block, and nothing was made of it before.
  bool is_for_caller() const {
    const bool is_raw = target_.type.isNull() || target_.is_bytes;
    return target_.is_given_to_caller() && is_raw && !target_.has_conflict;
  }

  // Of one of several structures, with bytes behind it or without. Nothing if there is any doubt: that they stand there alone, once, at the beginning, and
  // that each pointer which receives the block is to one of them.
  std::optional<SiteType> choose_one_of() const {
    const SizeFacts& size = request_.size;
    const SizeTerm* head = nullptr;
    if (size.is_uncertain || size.is_perhaps_plain || size.has_floor || size.has_lost_choice ||
        size.bytes < 0)
      return std::nullopt;
    for (const SizeTerm& term : size.terms) {
      if (term.is_negative) return std::nullopt;
      if (is_byte_type(term.type)) continue;
      if (head != nullptr || term.others.empty() || term.is_multiple) return std::nullopt;
      head = &term;
    }
    if (head == nullptr) return std::nullopt;
    const auto fits = [&](QualType type, QualType wanted) {
      const auto* record = wanted->getAsRecordDecl();
      return starts_with(type, wanted, context_) ||
             (record != nullptr && record->isUnion() && starts_with(wanted, type, context_));
    };
    const auto is_one_of_them = [&](QualType wanted) {
      return fits(head->type, wanted) ||
             llvm::any_of(head->others, [&](QualType type) { return fits(type, wanted); });
    };
    const auto are_all = [&](QualType wanted) {
      return fits(head->type, wanted) &&
             llvm::all_of(head->others, [&](QualType type) { return fits(type, wanted); });
    };
    // Pointers to several of them are for the one or for the other; one pointer is for all.
    const bool is_fit = target_.has_conflict ? llvm::all_of(target_.all, is_one_of_them)
                                             : llvm::all_of(target_.all, are_all);
    if (!is_fit) return std::nullopt;
    const auto says = target_.all.empty() ? SiteTargetSays::nothing : SiteTargetSays::agrees;
    return SiteType{{SiteOrigin::size, says, SiteShape::one_of}, head->type, {}, head->others};
  }

  std::optional<SiteType> choose_without_terms() {
    // A function that is not known to allocate, but hands its caller's size on, is believed to, whatever type it gives the block.
    const bool may_be_one =
        request_.allocator == Allocator::perhaps && target_.is_handed_on && !size_.is_constant();
    const bool is_wrapper = size_.parameters != 0 && (is_for_caller() || may_be_one) &&
                            !keeps_own_bytes(size_, target_);
    // What a function returns that does not allocate is asked for by no one.
    return is_wrapper ? wrapper_site() : by_target(size_.is_constant());
  }

  // On the word of the pointer alone. `is_constant`: the number of bytes is known.
  std::optional<SiteType> by_target(bool is_constant) {
    const QualType type = target_.type;
    if (type.isNull() || type->isDependentType() || type->isVariablyModifiedType())
      return std::nullopt;
    SiteKind kind{SiteOrigin::target, SiteTargetSays::nothing, SiteShape::at_least};
    const std::int64_t size = size_of(type);
    const bool is_exactly_one = is_constant && size_.bytes == size;
    // `(struct head *)malloc(16 + n)`: the number is the head's rather than the caller's.
    const bool has_room = size != 0 && size_.bytes >= size && !size_.is_constant();
    if (target_.is_cast_for_callers && !is_exactly_one && !has_room) return std::nullopt;
    if (is_constant && size != 0 && size_.bytes > 0) {
      if (size_.bytes < size) return std::nullopt;
      if (size_.bytes % size == 0)
        kind.shape = size_.bytes == size ? SiteShape::one : SiteShape::array;
    } else if (type->isScalarType() || target_.is_bytes) {
      kind.shape = SiteShape::array;
    } else if (!open_element(type, context_).isNull()) {
      kind.shape = SiteShape::flexible;
    }
    if (target_.is_bytes) kind.shape = SiteShape::array;
    if (keeps_own_bytes(size_, target_)) kind.target = SiteTargetSays::agrees;
    return SiteType{kind, type, {}};
  }

  QualType element_of(QualType type) const {
    while (const auto* array = context_.getAsConstantArrayType(type))
      type = array->getElementType().getUnqualifiedType();
    return type;
  }

  std::int64_t size_of(QualType type) const {
    return type->isIncompleteType() ? 0 : context_.getTypeSizeInChars(type).getQuantity();
  }

  // `malloc(sizeof(struct head) + sizeof(struct body))`, and no pointer says which of them comes first.
  bool may_begin_with_another(const SizeTerm& head) const {
    return llvm::any_of(size_.terms, [&](const SizeTerm& term) {
      const bool is_one = !term.is_negative && !term.is_multiple && !term.is_offset;
      return &term != &head && is_one && term.type->isRecordType();
    });
  }

  // The term that is the beginning of the block.
  const SizeTerm* choose_head() const {
    llvm::SmallVector<const SizeTerm*, 4> positive;
    for (const SizeTerm& term : size_.terms) {
      if (!term.is_negative) positive.push_back(&term);
    }
    if (positive.size() == 1) return positive.front();
    if (!target_.type.isNull() && !target_.is_bytes) {
      for (const SizeTerm* term : positive) {
        if (starts_with(term->type, target_.type, context_)) return term;
      }
    }
    const auto is_single = [&](const SizeTerm* term) {
      return !term->is_multiple && !are_bytes(term->type, context_);
    };
    const auto singles = std::count_if(positive.begin(), positive.end(), is_single);
    if (singles == 1) return *std::find_if(positive.begin(), positive.end(), is_single);
    return is_single(positive.front()) ? positive.front() : nullptr;
  }

  // sizeof(T[n]) is many T, unless the pointer says that it is one T[n].
  void settle_arrays() {
    while (const auto* array = context_.getAsConstantArrayType(type_)) {
      if (!target_.type.isNull() && context_.hasSameUnqualifiedType(target_.type, type_)) return;
      is_multiple_ |= array->getSize() != 1;
      type_ = array->getElementType().getUnqualifiedType();
    }
  }

  SiteTargetSays compare_with_target() {
    if (target_.has_conflict) return SiteTargetSays::disagrees;
    if (target_.type.isNull()) return SiteTargetSays::nothing;
    if (target_.is_bytes) {
      // `char *s = malloc(n + sizeof(int) * 3)` has room for the digits of a number; an address of bytes tells structures nothing.
      const bool is_of_bytes = type_->isScalarType() && !target_.has_only_views;
      if (!is_byte_type(type_))
        return is_of_bytes ? SiteTargetSays::disagrees : SiteTargetSays::nothing;
      type_ = target_.type;
      return SiteTargetSays::agrees;
    }
    const QualType wanted = target_.type;
    if (starts_with(type_, wanted, context_)) return SiteTargetSays::agrees;
    // One alternative of a union, with no room for the others.
    const auto* record = wanted->getAsRecordDecl();
    if (record != nullptr && record->isUnion() && starts_with(wanted, type_, context_))
      return SiteTargetSays::agrees;
    const auto* array = context_.getAsConstantArrayType(wanted);
    if (array != nullptr && is_multiple_ &&
        context_.hasSameUnqualifiedType(context_.getBaseElementType(wanted), type_)) {
      type_ = wanted;
      return SiteTargetSays::agrees;
    }
    const bool are_alike = type_->isScalarType() && wanted->isScalarType() &&
                           type_->isFloatingType() == wanted->isFloatingType() &&
                           size_of(type_) == size_of(wanted);
    if (!are_alike) return SiteTargetSays::disagrees;
    type_ = wanted;
    return SiteTargetSays::agrees;
  }

  // Whether the pointer makes up for a size that may be another one. Of a function that is not known to go by that size it must be to a T itself, and that be no number.
  bool is_certain_enough(bool is_perhaps) const {
    if (says_ != SiteTargetSays::agrees) return false;
    if (!is_perhaps || is_multiple_) return true;
    return !type_->isScalarType() && !target_.type.isNull() &&
           context_.hasSameUnqualifiedType(target_.type, type_);
  }

  // `sizeof(uint32_t) + n`: one number in front of something else does not make the block numbers.
  bool is_header_of_bytes() const {
    const bool has_rest =
        size_.has_more || size_.parameters != 0 || size_.bytes != 0 || size_.terms.size() > 1;
    return type_->isScalarType() && !is_byte_type(type_) && !is_multiple_ && has_rest &&
           says_ != SiteTargetSays::agrees;
  }

  std::optional<SiteShape> shape_of(const SizeTerm& head, QualType& tail) const {
    if (is_byte_type(type_)) return SiteShape::array;
    // They are counted with what has no type, so there is no telling what else is.
    if (are_bytes(type_, context_)) {
      const bool are_all = llvm::all_of(
          size_.terms, [&](const SizeTerm& term) { return are_bytes(term.type, context_); });
      const bool is_one = !is_multiple_ && size_.is_known() && size_.bytes == size_of(type_);
      if (!are_all) return SiteShape::at_least;
      return is_one ? SiteShape::one : is_multiple_ ? SiteShape::array : SiteShape::at_least;
    }
    const QualType open = open_element(type_, context_);
    const bool is_open = !open.isNull();
    const bool is_confirmed = says_ == SiteTargetSays::agrees;
    const bool has_negative = std::any_of(size_.terms.begin(), size_.terms.end(),
                                          [](const SizeTerm& t) { return t.is_negative; });
    if (head.is_offset && head.is_open) return SiteShape::flexible;
    if (head.is_offset || has_negative || size_.bytes < 0) {
      if (is_open) return SiteShape::flexible;
      if (is_multiple_ && !head.is_offset && !has_negative) return SiteShape::array;
      return is_confirmed ? std::optional{SiteShape::at_least} : std::nullopt;
    }
    llvm::SmallVector<const SizeTerm*, 2> others;
    for (const SizeTerm& term : size_.terms) {
      if (&term != &head) others.push_back(&term);
    }
    const bool has_more = size_.has_more || size_.parameters != 0;
    if (is_multiple_) {
      // As many bytes more as one takes are one more; others are for alignment, or a terminator, and nothing of an array's.
      const bool are_elements = size_.bytes == size_of(type_) && !request_.with_characters;
      const bool is_array = others.empty() && !has_more && (size_.bytes == 0 || are_elements);
      return is_array ? SiteShape::array : SiteShape::at_least;
    }
    if (others.empty() && !has_more && size_.bytes == 0) return SiteShape::one;
    const auto goes_on = [&](const SizeTerm* term) {
      const QualType element = element_of(term->type);
      return is_open && (context_.hasSameUnqualifiedType(open, element) || is_byte_type(element));
    };
    if (llvm::all_of(others, goes_on)) return is_open ? SiteShape::flexible : SiteShape::at_least;
    if (others.size() != 1) return SiteShape::at_least;
    const QualType element = element_of(others.front()->type);
    const bool has_rest = has_more || size_.bytes != 0;
    if (has_rest && !is_byte_type(element)) return SiteShape::at_least;
    tail = element;
    return SiteShape::flexible;
  }

  const SizeFacts size_;
  const Request& request_;
  const Target& target_;
  const ASTContext& context_;
  QualType type_;
  bool is_multiple_ = false;
  SiteTargetSays says_ = SiteTargetSays::nothing;
};

// Whether `new T[n]` stores n in front of the elements, as the Itanium C++ ABI has it.
bool has_cookie(const CXXNewExpr* expression) {
  if (!expression->isArray()) return false;
  return expression->doesUsualArrayDeleteWantSize() ||
         expression->getAllocatedType().isDestructedType() != QualType::DK_none;
}

// What stands in front of the elements: in its last word their number, in front of that room, as much as they are aligned to.
QualType cookie_of(QualType element, const ASTContext& context) {
  const QualType word = context.getSizeType();
  const std::int64_t words =
      context.getPreferredTypeAlignInChars(element) / context.getTypeSizeInChars(word);
  if (words <= 1) return word;
  const llvm::APInt count(64, static_cast<std::uint64_t>(words));
  return context.getConstantArrayType(word, count, nullptr, ArraySizeModifier::Normal, 0);
}

}  // namespace

bool SiteType::is_bytes_on_its_word() const {
  return kind.origin == SiteOrigin::target && is_byte_type(type);
}

bool SiteType::may_be_piece() const {
  const bool is_whole = kind.shape == SiteShape::one || kind.shape == SiteShape::array;
  return is_whole && kind.origin == SiteOrigin::size && kind.target != SiteTargetSays::disagrees;
}

SizeFacts about_beginning(const SizeFacts& size, const Target& target, const ASTContext& context) {
  const bool is_typed = target.has_conflict || (!target.type.isNull() && !target.is_bytes);
  if (is_typed || size.terms.empty()) return size;
  const bool has_rest = size.has_more || size.parameters != 0 || size.bytes != 0;
  if (size.is_rounded) return size.parameters != 0 ? size.without_floor() : size.without_terms();
  if (target.is_aligned_by_hand && has_rest) return size.without_terms();
  if (!has_rest && size.terms.size() == 1) return size;
  const auto is_inside = [&](const SizeTerm& term) {
    return llvm::any_of(target.inside,
                        [&](QualType inside) { return starts_with(term.type, inside, context); });
  };
  SizeFacts facts = size;
  llvm::erase_if(facts.terms, is_inside);
  if (facts.terms.size() == size.terms.size()) return size;
  if (!facts.has_positive_term()) return size.without_terms();
  facts.has_more = true;
  return facts;
}

SiteType wrapper_site() {
  return {{SiteOrigin::wrapper, SiteTargetSays::nothing, SiteShape::one}, {}, {}};
}

std::optional<SiteType> choose_site_type(const Request& request, const Target& target,
                                         const ASTContext& context) {
  return Chooser{request, target, context}.choose();
}

SiteType site_type_of(const CXXNewExpr* expression, const ASTContext& context) {
  const QualType type = expression->getAllocatedType().getUnqualifiedType();
  SiteKind kind{SiteOrigin::new_expression, SiteTargetSays::nothing, SiteShape::one};
  if (has_cookie(expression)) {
    kind.shape = SiteShape::flexible;
    return {kind, cookie_of(type, context), type};
  }
  if (expression->isArray()) kind.shape = SiteShape::array;
  return {kind, type, {}};
}

}  // namespace allocs::plugin
