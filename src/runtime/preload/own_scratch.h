// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace allocs::preload {

// Memory of the run time's own for the time of a call: as such it is listed, so that who looks through memory passes it over. (What is listed is never taken off the list, so some pieces are kept
// from one call to the next; their pages are not.)
// Context: query. May be made by any number of threads at once.
class OwnScratch {
 public:
  // Zeroed. Nothing is there if there is no memory.
  explicit OwnScratch(std::size_t size);
  ~OwnScratch();
  OwnScratch(const OwnScratch&) = delete;
  OwnScratch& operator=(const OwnScratch&) = delete;

  bool is_there() const { return bytes_ != nullptr; }
  std::byte* bytes() const { return bytes_; }
  // `count` of them, behind what was carved before; all together no more than `size` bytes, and T aligned to 16 at most.
  template <typename T>
  T* carve(std::uint64_t count) {
    T* const items = reinterpret_cast<T*>(bytes_ + carved_);
    carved_ += room_for<T>(count);
    return items;
  }
  template <typename T>
  static constexpr std::size_t room_for(std::uint64_t count) {
    constexpr std::size_t kAlignment = 16;
    return (count * sizeof(T) + kAlignment - 1) & ~(kAlignment - 1);
  }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_, carved_ = 0;
  int kept_ = -1;  // which of those that are kept; -1: none of them
};

}  // namespace allocs::preload
