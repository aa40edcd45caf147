// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "runt/self.h"

// Words of memory of this process that may vanish, read some at a time, since each reading asks the kernel.
namespace allocs::preload {

class WordWindow {
 public:
  explicit WordWindow(Address end) : end_(end) {}

  // False if the word cannot be read any more.
  bool read(Address at, std::uint64_t& word) {
    if (at < begin_ || at + sizeof word > begin_ + size_) {
      begin_ = at;
      size_ = end_ - at < sizeof bytes_ ? end_ - at : sizeof bytes_;
      if (size_ < sizeof word || !runt::self::read_memory(at, bytes_, size_)) {
        size_ = 0;
        return false;
      }
    }
    std::memcpy(&word, bytes_ + (at - begin_), sizeof word);
    return true;
  }

 private:
  Address end_;
  Address begin_{};
  std::uint64_t size_ = 0;
  std::byte bytes_[512];
};

// Calls visit(address, word) for each aligned word of the range that can be read, until it returns false. Pages that cannot be read are
// passed over.
template <typename Visit>
void for_each_word(AddressRange range, Visit&& visit) {
  constexpr std::uint64_t kPage = 4096, kWord = sizeof(std::uint64_t);
  std::uint64_t words[kPage / kWord];
  for (Address at{(raw(range.begin) + kWord - 1) & ~(kWord - 1)}; at + kWord <= range.end;) {
    const Address page_end{(raw(at) | (kPage - 1)) + 1};
    const Address end = page_end < range.end ? page_end : range.end;
    const std::uint64_t count = (end - at) / kWord;
    if (count != 0 && runt::self::read_memory(at, words, count * kWord)) {
      for (std::uint64_t i = 0; i < count; ++i) {
        if (!visit(at + i * kWord, words[i])) return;
      }
    }
    at = page_end;
  }
}

}  // namespace allocs::preload
