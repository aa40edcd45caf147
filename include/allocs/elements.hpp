// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "container.h"
#include "types.hpp"

namespace allocs {

// The elements of a container, by its type, in its order: an input range, empty for what is no container (error() says why). The container is
// read as it is stepped through, so it must stay.
//
//   for (const alloc_element& element : allocs::Elements(block.type(), block.base())) ...
class Elements {
 public:
  class Iterator {
   public:
    using value_type = alloc_element;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const alloc_elements& walk) : walk_(walk), result_(1) { ++*this; }
    const alloc_element& operator*() const { return now_; }
    const alloc_element* operator->() const { return &now_; }
    Iterator& operator++() {
      result_ = alloc_next_element(&walk_, &now_);
      return *this;
    }
    void operator++(int) { ++*this; }
    // Behind the last element: ALLOC_OK, or ALLOC_E_MALFORMED.
    int error() const { return result_ < 0 ? result_ : ALLOC_OK; }
    friend bool operator==(const Iterator& i, End) { return i.result_ != 1; }

   private:
    alloc_elements walk_{};
    alloc_element now_{};
    int result_ = 0;
  };

  Elements(Type type, const void* object) : error_(alloc_begin_elements(type.get(), object, &walk_)) {}

  explicit operator bool() const { return error_ == ALLOC_OK; }
  int error() const { return error_; }
  Type type() const { return walk_.type; }  // of each
  std::uint64_t count() const { return walk_.count; }  // UINT64_MAX: only the walk tells
  alloc_elements_form form() const { return walk_.form; }
  Iterator begin() const { return *this ? Iterator(walk_) : Iterator(); }
  End end() const { return {}; }

 private:
  alloc_elements walk_{};
  int error_;
};

}  // namespace allocs
