// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "runtime/query/answer.h"
#include "types/derive.h"
#include "types/pointer_fields.h"
#include "types/subobject.h"
#include "types/virtual_bases.h"

// The type of a block by the pointers that lead to it.
//
// Where neither its site nor the block itself tells, those may who use it: a variable `struct node *head` that points to its start says that a node
// is there. That is weak. A pointer to a base class, or to the first member, points to the start as well, so the size must fit, and all pointers with
// a type must agree:
//
//     block of 24 bytes           node *head -> +0            a node is 24 bytes large, and has a long
//                                 long *last -> +8            8 bytes behind its start: it is a node
//
// One that leads into the block, to something that the type does not have there, speaks against it. Pointers to void, to single bytes, to what is only
// declared, and malloc's own, say nothing. Pointers to numbers and to pointers may stand for any number of them; to structures just for one, since to a
// base class of half the size a pointer looks the same. Of a container's own pointer to its elements (the rules in docs/formats/containers.md) that is not
// so: a std::vector<node> keeps nothing but nodes.
namespace allocs::query {

class TypeByReferrers {
 public:
  // Of a block of `size` bytes.
  explicit TypeByReferrers(std::uint64_t size) : size_(size) {}

  // A pointer of that type holds the address of byte `offset` of the block.
  void add(const uniqtype& pointer, std::uint64_t offset) {
    if (types::record_of(pointer).kind != types::Kind::address) return;
    uniqtype* const target = pointer.related[0].un.t.ptr;
    if (target == nullptr || !tells(*target)) return;
    if (offset != 0) {
      if (inner_count_ == kMostInner) {
        is_unclear_ = true;
      } else {
        inner_[inner_count_++] = {target, offset};
      }
    } else if (fits(*target)) {
      add_candidate(target);
    } else if (types::record_of(*target).kind != types::Kind::composite ||
               types::size_of(*target) > size_) {
      is_unclear_ = true;  // what is there begins with something else
    }
  }

  // A container keeps elements of that type in the block, from its start. That says more than its pointer alone: how many there may be.
  void add_elements(uniqtype* element) {
    const std::uint64_t size = types::size_of(*element);
    if (size == 0 || size == types::kUnknownSize || size_ % size != 0) return;
    if (elements_ != nullptr && elements_ != element) is_unclear_ = true;
    elements_ = element;
  }

  // T, of a T or of as many as fill the block; nullptr: nobody tells, or not all say the same.
  struct Found {
    uniqtype* type = nullptr;
    std::uint64_t count = 0;
  };
  Found decide() const {
    uniqtype* const type = elements_ != nullptr ? elements_ : best_;
    if (type == nullptr || is_unclear_) return {};
    const bool agrees = best_ == nullptr || type == best_ || has_at(*type, 0, *best_);
    if (!agrees) return {};
    for (unsigned i = 0; i < inner_count_; ++i) {
      if (!has_at(*type, inner_[i].offset, *inner_[i].type)) return {};
    }
    return {type, size_ / types::size_of(*type)};
  }

 private:
  struct Inner {
    const uniqtype* type;
    std::uint64_t offset;
  };
  static constexpr unsigned kMostInner = 64;

  static bool tells(const uniqtype& type) {
    const auto& record = types::record_of(type);
    const bool is_byte = record.kind == types::Kind::base && record.size == 1;
    // The C library's own, which begin in the block before.
    const bool is_chunk = std::string_view(record.name) == "malloc_chunk";
    return !is_chunk && record.kind != types::Kind::void_ &&
           record.kind != types::Kind::subprogram && record.size != 0 &&
           record.size != types::kUnknownSize && !is_byte;
  }
  bool fits(const uniqtype& type) const {
    const std::uint64_t size = types::size_of(type);
    const bool may_be_many = types::record_of(type).kind != types::Kind::composite;
    return size == size_ || (may_be_many && size_ % size == 0);
  }

  // Of two the one that begins with the other counts.
  void add_candidate(uniqtype* type) {
    if (best_ == nullptr || type == best_ || has_at(*type, 0, *best_)) {
      best_ = type;
    } else if (!has_at(*best_, 0, *type)) {
      is_unclear_ = true;
    }
  }

  // Is there an `inner` at that byte of as many `outer` as fill the block? Or a virtual base, of which only the object tells where it is, perhaps.
  bool has_at(const uniqtype& outer, std::uint64_t offset, const uniqtype& inner) const {
    const std::uint64_t unit = types::size_of(outer);
    if (offset >= size_) return false;
    offset %= unit;
    if (offset == 0 && &outer == &inner) return true;
    if (types::has_virtual_bases(outer) && offset >= types::end_of_content(outer, true))
      return true;
    const uniqtype* type = &outer;
    std::uint64_t extent = unit;
    types::Subobject step;
    for (unsigned depth = 0; depth < types::kDeepestPointerField; ++depth) {
      if (!types::subobject_at(*type, extent, offset, step) || step.ambiguous) return false;
      offset -= step.offset;
      type = step.type;
      extent = step.size;
      if (type == nullptr) return false;
      if (offset == 0 && type == &inner) return true;
    }
    return false;
  }

  std::uint64_t size_;
  uniqtype* best_ = nullptr;
  uniqtype* elements_ = nullptr;
  bool is_unclear_ = false;
  unsigned inner_count_ = 0;
  Inner inner_[kMostInner];
};

// The type of the pointer at `at` of what lies in `range`; nullptr if there is none, or in a union several.
inline const uniqtype* pointer_type_at(const uniqtype* holder, AddressRange range, Address at,
                                       const types::ObjectReader& reader) {
  const auto field = types::pointer_field_at(holder, range.size(), at - range.begin,
                                             {.reader = &reader, .at = range.begin});
  return field.is_shared ? nullptr : field.type;
}

// From `found` the type of the block that `answer` is, if it has none.
template <typename Types>
void set_agreed_type(const Types& types, const TypeByReferrers::Found& found, Answer& answer) {
  if (found.type == nullptr) return;
  uniqtype* const type =
      found.count == 1 ? found.type : types::array_of(*types.interner, found.type, found.count);
  if (type == nullptr) return;
  answer.set_type(type, ALLOC_GRADE_WEAK);
  answer.evidence |= ALLOC_EV_REFERRER | ALLOC_EV_SITE_SIZE | ALLOC_EV_DEBUG_INFORMATION;
}

}  // namespace allocs::query
