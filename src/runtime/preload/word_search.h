// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "runt/mapping.h"
#include "runt/page_map.h"
#include "runt/self.h"
#include "runtime/preload/foreign_ranges.h"
#include "runtime/self/lock.h"

namespace allocs::preload {

// All eight bytes anywhere in memory that hold a number in [lowest, highest], whatever they are aligned to, by address; also such that begin in one mapping and end in the next. What the program cannot read is passed over, and so is what it
// cannot have written: see allocs/move.h. One search at a time, with the lock: the buffer is shared. Context: query.
class WordSearch {
 public:
  inline static constinit self::ProcessLock lock;

  WordSearch(const self::SelfProcess& process, std::uint64_t lowest, std::uint64_t highest)
      : process_(process),
        lowest_(lowest),
        width_(highest - lowest),
        sixth_bytes_agree_(lowest >> kSixthByte == highest >> kSixthByte),
        sixth_byte_(_mm_set1_epi8(static_cast<char>(lowest >> kSixthByte))) {}

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
      } else if (!search(mapping.range)) {
        return true;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 16, kPage = 4096, kWord = 8, kStep = 16;
  static constexpr unsigned kSixthByte = 40;  // in bits

  template <typename Visit>
  bool search_range(AddressRange range, bool is_writable, Visit&& visit) {
    if (!search_border(range.begin, is_writable, visit)) return false;
    before_.end = Address{};
    for (Address at = range.begin; at < range.end;) {
      const std::size_t left = range.end - at;
      std::size_t size = std::min(left, kChunk);
      if (!read(at, size, left)) {
        size = std::min(left, kPage - raw(at) % kPage);
        if (!read(at, size, left)) size = 0;
      }
      for (std::size_t i = 0; i < size; i += kStep) {
        for (unsigned may_begin = may_begin_at(i); may_begin != 0; may_begin &= may_begin - 1) {
          const std::size_t begin = i + static_cast<unsigned>(__builtin_ctz(may_begin));
          std::uint64_t value;
          std::memcpy(&value, buffer + begin, sizeof value);
          if (begin >= size || value - lowest_ > width_) continue;
          if (!visit(at + begin, value, is_writable)) return false;
        }
      }
      at = at + (size != 0 ? size : kPage - raw(at) % kPage);
      if (at >= range.end && size >= sizeof before_.bytes) {
        std::memcpy(before_.bytes, buffer + size - sizeof before_.bytes, sizeof before_.bytes);
        before_.end = at;
        before_.is_writable = is_writable;
      }
    }
    return true;
  }

  // The words that begin in the range that was searched before, if that ends at `border`, and end in the one that begins there. In both the program must be able to write, to write to them.
  template <typename Visit>
  bool search_border(Address border, bool is_writable, Visit&& visit) {
    constexpr std::size_t kSide = sizeof before_.bytes;
    std::byte bytes[2 * kSide];
    if (before_.end != border || !runt::self::read_memory(border, bytes + kSide, kSide))
      return true;
    std::memcpy(bytes, before_.bytes, kSide);
    // Of which only the last two bytes, zeros of any address, lie behind: those have been seen.
    for (std::size_t i = 2; i < kSide; ++i) {
      std::uint64_t value;
      std::memcpy(&value, bytes + i, sizeof value);
      if (value - lowest_ > width_) continue;
      if (!visit(border - (kSide - i), value, is_writable && before_.is_writable)) return false;
    }
    return true;
  }

  // At which of the next 16 bytes such a word may begin, one bit each: the numbers are addresses, whose two highest bytes are zero, and which agree in the
  // sixth, unless they lie far apart.
  unsigned may_begin_at(std::size_t i) const {
    const auto bytes_at = [&](std::size_t at) {
      __m128i bytes;
      std::memcpy(&bytes, buffer + at, sizeof bytes);
      return bytes;
    };
    const __m128i zero = _mm_setzero_si128();
    const __m128i ends = _mm_or_si128(bytes_at(i + 6), bytes_at(i + 7));
    __m128i matches = _mm_cmpeq_epi8(ends, zero);
    if (sixth_bytes_agree_)
      matches = _mm_and_si128(matches, _mm_cmpeq_epi8(bytes_at(i + 5), sixth_byte_));
    return static_cast<unsigned>(_mm_movemask_epi8(matches));
  }

  // With the bytes that the last words need; zeros where none follow.
  static bool read(Address at, std::size_t size, std::size_t left) {
    const std::size_t more = std::min(left - size, kWord - 1);
    std::memset(buffer + size, 0, kWord + kStep);
    if (runt::self::read_memory(at, buffer, size + more)) return true;
    return more != 0 && runt::self::read_memory(at, buffer, size);
  }

  inline static std::byte buffer[kChunk + kWord + kStep];

  const self::SelfProcess& process_;
  std::uint64_t lowest_, width_;
  bool sixth_bytes_agree_;
  __m128i sixth_byte_;
  // The last bytes of the range that was searched before; `end` is Address{} if there is none, or they cannot be read.
  struct {
    Address end{};
    bool is_writable = false;
    std::byte bytes[kWord - 1] = {};
  } before_;
};

}  // namespace allocs::preload
