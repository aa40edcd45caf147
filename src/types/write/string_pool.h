// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "types/image_format.h"

namespace allocs::types {

// Every text of an image under construction, kept once.
//
// While an image is being built, a StringRef in any record is an index in this pool (0 is the empty text). Writing turns the
// ones that are still referred to into byte offsets. The content hash of each text is kept, because types are hashed by name.
class StringPool {
 public:
  StringPool();

  // Copies `text` unless it is there already. A NUL inside ends the text: an image could not hold the rest.
  StringRef add(std::string_view text);

  // Valid until the pool is destroyed.
  std::string_view operator[](StringRef text) const { return {entries_[text].text, entries_[text].size}; }
  const Hash128& hash_of(StringRef text) const { return entries_[text].hash; }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Hash128 hash;
    const char* text;
    std::uint32_t size;
  };
  const char* keep(std::string_view text);
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // open addressing; 0 is free, else an entry index
  std::vector<std::vector<char>> blocks_;
};

}  // namespace allocs::types
