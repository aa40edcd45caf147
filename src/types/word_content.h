// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/address.h"
#include "types/covering.h"

namespace allocs::types {

// What lies in a word of eight bytes, as far as types tell: of the subobjects without parts that have a byte in it, which kinds there are.
//
//   struct { char *p; union { long n; char *q; }; char text[8]; int i; }
//            pointer         pointer, other         bytes         other
struct WordContent {
  static constexpr std::uint64_t kWord = 8;

  const uniqtype* pointer =
      nullptr;             // the type of a pointer or reference that begins where the word does
  bool has_other = false;  // numbers, parts of pointers that begin before ...
  bool has_bytes = false;  // elements of arrays of bytes, in which a program may put anything
  bool is_unclear =
      false;  // a type of which the insides are not known; a pointer that begins in the middle

  bool is_pointer() const { return pointer != nullptr && !has_other && !has_bytes && !is_unclear; }
  // No pointer begins there.
  bool is_none() const { return pointer == nullptr && has_other && !has_bytes && !is_unclear; }

  // Adds what an object of type `u` has there, that lies in `range`. `row_at(depth)`: as subobject_at's `row`. Context: signal.
  template <typename Rows>
  void add(const uniqtype& u, AddressRange range, Address word, Rows&& row_at) {
    add_parts(u, range, word, row_at, false, 0);
  }

 private:
  template <typename Rows>
  void add_parts(const uniqtype& u, AddressRange range, Address word, Rows&& row_at,
                 bool is_element, unsigned depth) {
    const uniqtype_record& record = record_of(u);
    if (record.kind != Kind::array && record.kind != Kind::composite) {
      add_scalar(u, range.begin, word, is_element);
      return;
    }
    if (depth == kDeepestCovering) {
      is_unclear = true;
      return;
    }
    bool is_covered = false;
    const auto enter = [&](const Subobject& sub) {
      const Address begin = range.begin + sub.offset;
      const AddressRange part{begin, std::min(begin + sub.size, range.end)};
      if (part.begin >= word + kWord || part.end <= word || sub.type == nullptr) return true;
      is_covered = true;
      add_parts(*sub.type, part, word, row_at, sub.member == nullptr, depth + 1);
      return true;
    };
    const Address from = std::max(range.begin, word), to = std::min(range.end, word + kWord);
    if (record.kind == Kind::array) {
      // Of a large array few elements can have a byte of the word.
      Subobject element;
      for (Address at = from; at < to;) {
        if (!subobject_at(u, range.size(), at - range.begin, element, row_at(depth)) ||
            element.size == 0)
          break;
        enter(element);
        at = range.begin + element.offset + element.size;
      }
    } else {
      for_each_direct_subobject(u, range.size(), row_at(depth), enter);
    }
    const bool has_parts = record.kind == Kind::composite && record.size != kUnknownSize;
    if (!is_covered && !has_parts && from < to) is_unclear = true;
  }

  void add_scalar(const uniqtype& u, Address begin, Address word, bool is_element) {
    const uniqtype_record& record = record_of(u);
    if (record.kind == Kind::void_ || record.kind == Kind::subprogram) {
      is_unclear = true;
    } else if (record.kind == Kind::address &&
               record.detail != static_cast<std::uint8_t>(AddressKind::member_pointer)) {
      if (begin == word) {
        pointer = &u;
      } else if (begin > word) {
        is_unclear = true;
      } else {
        has_other = true;
      }
    } else {
      (record.size == 1 && is_element ? has_bytes : has_other) = true;
    }
  }
};

}  // namespace allocs::types
