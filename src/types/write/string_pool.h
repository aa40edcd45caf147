// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "types/image_format.h"

namespace allocs::types {

// Every text of an image under construction, kept once.
//
// While an image is being built, a StringRef in any record is an index in this pool (0 is the empty text). Writing
// turns the ones that are still referred to into byte offsets. The content hash of each text is kept, because types
// are hashed by name.
class StringPool {
 public:
  StringPool();

  // Copies `text` unless it is there already. A NUL inside ends the text: an image could not hold the rest.
  StringRef add(std::string_view text);

  // Valid until the pool is destroyed.
  std::string_view operator[](StringRef text) const {
    return {entries_[text].text, entries_[text].size};
  }
  const Hash128& hash_of(StringRef text) const { return entries_[text].content_hash; }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Hash128 content_hash;
    const char* text = "";
    std::uint32_t size = 0;
    std::uint32_t slot_hash = 0;
  };
  static std::uint32_t slot_hash(std::string_view text);
  const char* keep(std::string_view text);
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t>
      slots_;  // open addressing, a power of two; 0 is free, else an index in entries_
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  std::size_t free_size_ = 0;
};

}  // namespace allocs::types
