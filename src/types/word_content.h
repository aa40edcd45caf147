// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

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
  bool has_late_pointer = false;  // one that begins in the middle
  bool is_unclear = false;        // a type of which the insides are not known
  bool is_saved_register =
      false;  // of a context that somebody goes on from: no type says what a register holds
  // Of those that have the first byte. Where that is a number's, the word as a whole is no pointer, whatever is behind.
  bool begins_with_other = false, begins_with_bytes = false;

  // All of it, and nothing else.
  bool is_pointer() const {
    return pointer != nullptr && !has_other && !has_bytes && !has_late_pointer && !is_unclear;
  }
  // No pointer begins in it.
  bool is_none() const {
    return pointer == nullptr && has_other && !has_bytes && !has_late_pointer && !is_unclear;
  }
  bool says_nothing() const {
    return pointer == nullptr && !has_other && !has_bytes && !has_late_pointer && !is_unclear;
  }

  // Adds what an object of type `u` has there, that lies in `range`. `row_at(depth)`: as subobject_at's `row`; `reader` looks at objects with virtual bases.
  // Context: signal.
  template <typename Rows>
  void add(const uniqtype& u, AddressRange range, Address word, Rows&& row_at,
           const ObjectReader* reader = nullptr) {
    // Behind an object that is less than what it lies in, nothing is said.
    const std::uint64_t size = size_of(u);
    if (!has_parts(u) && size != 0 && size != kUnknownSize && word >= range.begin + size) return;
    add_parts(u, range, word, row_at, {.reader = reader, .at = range.begin}, false, 0);
  }

 private:
  // The registers in ucontext_t, jmp_buf, and the kernel's frame of a signal.
  static bool is_context(const char* of_type) {
    if (of_type == nullptr) return false;
    const std::string_view name = of_type;
    return name == "mcontext_t" || name == "__jmp_buf_tag" || name == "sigcontext";
  }

  static bool has_parts(const uniqtype& u) {
    const Kind kind = record_of(u).kind;
    return kind == Kind::array || kind == Kind::composite;
  }

  template <typename Rows>
  void add_parts(const uniqtype& u, AddressRange range, Address word, Rows&& row_at,
                 const ObjectAt& object, bool is_element, unsigned depth) {
    if (!has_parts(u)) {
      add_scalar(u, range.begin, word, is_element);
      return;
    }
    if (depth == kDeepestCovering) {
      is_unclear = true;
      return;
    }
    const uniqtype_record& record = record_of(u);
    is_saved_register |= record.kind == Kind::composite && is_context(record.name);
    bool is_covered = false;
    const auto enter = [&](const Subobject& sub) {
      const Address begin = range.begin + sub.offset;
      const AddressRange part{begin, std::min(begin + sub.size, range.end)};
      if (part.begin >= word + kWord || part.end <= word || sub.type == nullptr) return true;
      is_covered = true;
      add_parts(*sub.type, part, word, row_at, object.part(sub), sub.member == nullptr, depth + 1);
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
      for_each_direct_subobject(u, range.size(), row_at(depth), enter, object);
    }
    const bool are_known = record.kind == Kind::composite && record.size != kUnknownSize;
    if (!is_covered && !are_known && from < to) is_unclear = true;
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
        has_late_pointer = true;
      } else {
        has_other = begins_with_other = true;
      }
    } else if (record.size == 1 && is_element) {
      has_bytes = true;
      begins_with_bytes |= begin <= word;
    } else {
      has_other = true;
      begins_with_other |= begin <= word;
    }
  }
};

}  // namespace allocs::types
