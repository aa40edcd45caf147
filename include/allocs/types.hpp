// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "uniqtype.h"

namespace allocs {

// Where a range ends: it is told by the iterator itself.
struct End {};

class Members;

// A uniqtype, or none. Equal types are equal values.
class Type {
 public:
  constexpr Type() = default;
  constexpr Type(const uniqtype* u) : u_(u) {}  // NOLINT(google-explicit-constructor)

  constexpr explicit operator bool() const { return u_ != nullptr; }
  constexpr uniqtype* get() const { return const_cast<uniqtype*>(u_); }
  std::string_view name() const { return uniqtype_name(u_); }
  std::size_t size() const { return uniqtype_size(u_); }  // SIZE_MAX: not known from the type alone
  bool has_size() const { return u_ != nullptr && size() != SIZE_MAX; }
  // As snprintf: "char *[2]".
  int describe(char* buf, std::size_t len) const { return uniqtype_describe(u_, buf, len); }

  uniqtype_kind kind() const { return u_ == nullptr ? UNIQTYPE_KIND_VOID : UNIQTYPE_KIND(u_); }
  // Of numbers: is the most significant byte the first one?
  bool is_big_endian() const { return uniqtype_is_big_endian(u_) != 0; }
  bool is_array() const { return u_ != nullptr && UNIQTYPE_IS_ARRAY_TYPE(u_) != 0; }
  bool is_pointer() const { return kind() == UNIQTYPE_KIND_ADDRESS && !is_array(); }
  bool is_composite() const { return !is_array() && kind() == UNIQTYPE_KIND_COMPOSITE; }
  Type element() const { return is_array() ? Type(u_->related[0].un.t.ptr) : Type(); }
  Type target() const { return is_pointer() ? Type(u_->related[0].un.t.ptr) : Type(); }
  Type pointer() const { return uniqtype_pointer_to(get()); }
  Type array() const { return uniqtype_array_of(get(), SIZE_MAX); }
  // How many elements an array in so many bytes has.
  std::size_t elements_in(std::size_t bytes) const {
    const std::size_t each = element().has_size() ? element().size() : 0;
    if (each == 0) return 0;
    return has_size() ? size() / each : bytes / each;
  }
  inline Members members() const;

  friend constexpr bool operator==(Type, Type) = default;

 private:
  const uniqtype* u_ = nullptr;
};

// A member of a composite.
struct Member {
  std::string_view name;
  Type type;
  std::size_t offset = 0;
  unsigned index = 0;
  bool is_placed = true;  // false: a virtual base, whose place the object itself tells (for_each_part); `offset` is none
};

// The members of a type, by offset: a forward range.
class Members {
 public:
  class Iterator {
   public:
    using value_type = Member;
    using difference_type = std::ptrdiff_t;
    constexpr Iterator() = default;
    constexpr Iterator(const uniqtype* u, unsigned index) : u_(u), index_(index) {}
    Member operator*() const {
      const auto& slot = u_->related[index_].un.memb;
      const char* name = uniqtype_member_name(u_, index_);
      return {name == nullptr ? "" : name, Type(slot.ptr), slot.off, index_, !slot.may_be_invalid};
    }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const uniqtype* u_ = nullptr;
    unsigned index_ = 0;
  };

  explicit Members(Type type) : u_(type.is_composite() ? type.get() : nullptr) {}
  Iterator begin() const { return {u_, 0}; }
  Iterator end() const { return {u_, size()}; }
  unsigned size() const { return u_ == nullptr ? 0 : u_->un.composite.nmemb; }

 private:
  const uniqtype* u_;
};
inline Members Type::members() const { return Members(*this); }

}  // namespace allocs
