// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "runt/mapping.h"
#include "runt/page_map.h"
#include "runt/self.h"
#include "runtime/preload/foreign_ranges.h"

namespace allocs::preload {

// All eight bytes anywhere in memory that hold a number in [lowest, highest], whatever they are aligned to. What the program cannot read is passed over, and so is what it
// cannot have written: see allocs/move.h. One search at a time: the buffer is shared. Context: query.
class WordSearch {
 public:
  WordSearch(const self::SelfProcess& process, std::uint64_t lowest, std::uint64_t highest)
      : process_(process), lowest_(lowest), width_(highest - lowest) {}

  // visit(Address at, value, bool is_writable) until it returns false. False: the kernel does not tell what is mapped.
  template <typename Visit>
  bool run(Visit&& visit) {
    runt::MappingTable table;
    if (table.open(0) != 0) return false;
    runt::PageMap pages;
    pages.open();
    for (Address at{}; at < kEndOfUserAddresses;) {
      const auto answer = table.mapping_at_or_above(at);
      if (answer.certainty != Certainty::known) return answer.certainty == Certainty::nothing_there;
      const runt::Mapping& mapping = answer.mapping;
      at = mapping.range.end;
      // "[vdso]" and the like.
      if (!mapping.is_readable || begins_with(std::string_view(mapping.name), "[v")) continue;
      const auto search = [&](AddressRange range) {
        return for_each_foreign_range(process_, range, [&](AddressRange piece) {
          return search_range(piece, mapping.is_writable, visit);
        });
      };
      if (!mapping.is_shared) {
        bool goes_on = true;
        pages.for_each_written_run(mapping.range,
                                   [&](AddressRange run) { return goes_on = search(run); });
        if (!goes_on) return true;
      } else if (mapping.is_writable && !search(mapping.range)) {
        return true;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 16, kPage = 4096, kWord = 8;

  template <typename Visit>
  bool search_range(AddressRange range, bool is_writable, Visit&& visit) {
    for (Address at = range.begin; at < range.end;) {
      const std::size_t left = range.end - at;
      std::size_t size = std::min(left, kChunk);
      if (!read(at, size, left)) {
        size = std::min(left, kPage - raw(at) % kPage);
        if (!read(at, size, left)) size = 0;
      }
      for (std::size_t i = 0; i < size; ++i) {
        std::uint64_t value;
        std::memcpy(&value, buffer_ + i, sizeof value);
        if (value - lowest_ <= width_ && !visit(at + i, value, is_writable)) return false;
      }
      at = at + (size != 0 ? size : kPage - raw(at) % kPage);
    }
    return true;
  }

  // With the bytes that the last words need; zeros where none follow.
  static bool read(Address at, std::size_t size, std::size_t left) {
    const std::size_t more = std::min(left - size, kWord - 1);
    std::memset(buffer_ + size, 0, kWord);
    if (runt::self::read_memory(at, buffer_, size + more)) return true;
    return more != 0 && runt::self::read_memory(at, buffer_, size);
  }

  inline static std::byte buffer_[kChunk + kWord];

  const self::SelfProcess& process_;
  std::uint64_t lowest_, width_;
};

}  // namespace allocs::preload
