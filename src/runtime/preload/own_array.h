// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <span>

#include "runtime/allocators/own_memory.h"

namespace allocs::preload {

// An array in pages of the run time's own, kept from one use to the next: such pages are listed, and who looks through memory passes them over.
template <typename T>
class OwnArray {
 public:
  constexpr OwnArray() = default;

  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  std::span<T> all() { return {items_, size_}; }

  // False: there is no memory. Context: query.
  bool add(const T& item) {
    if (size_ == capacity_ && !grow()) return false;
    items_[size_++] = item;
    return true;
  }

 private:
  bool grow() {
    const std::size_t more = capacity_ == 0 ? 4096 / sizeof(T) + 1 : capacity_ * 2;
    auto* const items = static_cast<T*>(allocators::map_own_pages(more * sizeof(T)));
    if (items == nullptr) return false;
    if (items_ != nullptr) {
      std::memcpy(static_cast<void*>(items), items_, size_ * sizeof(T));
      allocators::unmap_own_pages(items_, capacity_ * sizeof(T));
    }
    items_ = items;
    capacity_ = more;
    return true;
  }

  T* items_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace allocs::preload
