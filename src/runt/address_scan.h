// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "runt/self.h"

namespace allocs::runt {

// This process's memory, which may not be there.
struct SelfReader {
  bool operator()(Address from, void* into, std::size_t size) const {
    return self::read_memory(from, into, size);
  }
};

// All eight bytes in ranges of memory that hold a number in [lowest, highest], whatever they are aligned to, by address. What cannot be read is passed over, page by page.
//
// Two bytes of the numbers are compared first, at sixteen places at once: the sixth, whose values are few, and the lowest one in which all of the numbers agree.
//
//   lowest   0x0000'5555'5576'12a0     the sixth is 55
//   highest  0x0000'5555'5576'12c0     they agree down to the second: 12
//
// `Reader`: bool(Address from, void* into, std::size_t size), all of it or false.
template <typename Reader>
class BasicAddressScan {
 public:
  static constexpr std::size_t kChunk = std::size_t{1} << 16, kWord = 8, kStep = 16;
  static constexpr std::size_t kBuffer = kChunk + kWord + kStep;

  // `buffer` is of kBuffer bytes.
  BasicAddressScan(std::uint64_t lowest, std::uint64_t highest, std::byte* buffer,
                   Reader reader = {})
      : reader_(reader),
        buffer_(buffer),
        lowest_(lowest),
        width_(highest - lowest),
        agreed_(lowest_agreed_byte(lowest ^ highest)),
        agreed_byte_(bytes_of(lowest, agreed_)),
        lowest_sixth_(bytes_of(lowest, kSixth)),
        highest_sixth_(bytes_of(highest, kSixth)) {}

  // visit(Address at, std::uint64_t value) until it returns false. False: the visitor did.
  template <typename Visit>
  bool run(AddressRange range, Visit&& visit) {
    for (Address at = range.begin; at < range.end;) {
      const std::size_t left = range.end - at;
      std::size_t size = std::min(left, kChunk);
      if (!read(at, size, left)) {
        size = std::min(left, to_next_page(at));
        if (!read(at, size, left)) size = 0;
      }
      if (!search(at, size, visit)) return false;
      last_ = size;
      at = at + (size != 0 ? size : to_next_page(at));
    }
    return true;
  }

  // The last bytes of the range that was looked through last; nullptr if they could not be read.
  const std::byte* tail(std::size_t size) const {
    return last_ < size ? nullptr : buffer_ + last_ - size;
  }
  bool is_wanted(std::uint64_t value) const { return value - lowest_ <= width_; }
  const Reader& reader() const { return reader_; }

 private:
  static constexpr unsigned kSixth = 5;
  static constexpr std::size_t kPage = 4096;

  static std::size_t to_next_page(Address at) { return kPage - raw(at) % kPage; }
  // Numbered from 0, the least significant one. Not the sixth, which is compared anyway; the two highest are zero in every address.
  static unsigned lowest_agreed_byte(std::uint64_t difference) {
    const unsigned agreed =
        difference == 0 ? 0 : 8 - static_cast<unsigned>(__builtin_clzll(difference)) / 8;
    return agreed == kSixth ? kSixth + 1 : std::min(agreed, kSixth + 1);
  }
  static __m128i bytes_of(std::uint64_t value, unsigned number) {
    return _mm_set1_epi8(static_cast<char>(value >> 8 * number));
  }

  template <typename Visit>
  bool search(Address at, std::size_t size, Visit&& visit) {
    for (std::size_t i = 0; i < size; i += kStep) {
      unsigned may_begin = may_begin_at(i);
      if (may_begin == kAll && is_zero(i)) continue;
      for (; may_begin != 0; may_begin &= may_begin - 1) {
        const std::size_t begin = i + static_cast<unsigned>(__builtin_ctz(may_begin));
        std::uint64_t value;
        std::memcpy(&value, buffer_ + begin, sizeof value);
        if (begin >= size || !is_wanted(value)) continue;
        if (!visit(at + begin, value)) return false;
      }
    }
    return true;
  }

  static constexpr unsigned kAll = 0xffff;
  __m128i bytes_at(std::size_t at) const {
    __m128i bytes;
    std::memcpy(&bytes, buffer_ + at, sizeof bytes);
    return bytes;
  }
  // At which of the next 16 bytes such a word may begin, one bit each.
  unsigned may_begin_at(std::size_t i) const {
    const __m128i sixth = bytes_at(i + kSixth);
    const __m128i nearest = _mm_max_epu8(_mm_min_epu8(sixth, highest_sixth_), lowest_sixth_);
    const __m128i agreed = _mm_cmpeq_epi8(bytes_at(i + agreed_), agreed_byte_);
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_and_si128(agreed, _mm_cmpeq_epi8(sixth, nearest))));
  }
  // Untouched memory, in which numbers that begin with zeros may be anywhere; none is zero.
  bool is_zero(std::size_t i) const {
    std::uint64_t words[3];
    std::memcpy(words, buffer_ + i, sizeof words);
    return lowest_ != 0 && (words[0] | words[1] | words[2]) == 0;
  }

  // With the bytes that the last words need; zeros where none follow.
  bool read(Address at, std::size_t size, std::size_t left) {
    const std::size_t more = std::min(left - size, kWord - 1);
    std::memset(buffer_ + size, 0, kWord + kStep);
    if (reader_(at, buffer_, size + more)) return true;
    return more != 0 && reader_(at, buffer_, size);
  }

  [[no_unique_address]] Reader reader_;
  std::byte* buffer_;
  std::uint64_t lowest_, width_;
  unsigned agreed_;
  __m128i agreed_byte_, lowest_sixth_, highest_sixth_;
  std::size_t last_ = 0;
};

using AddressScan = BasicAddressScan<SelfReader>;

// Words that begin in a range that was looked through, and end in the next, which begins where that ends.
class ScanBorder {
 public:
  // Ends of the range that `scan` has looked through.
  template <typename Reader>
  void keep(const BasicAddressScan<Reader>& scan, Address end) {
    const std::byte* const tail = scan.tail(kSide);
    if (tail != nullptr) std::memcpy(bytes_, tail, kSide);
    end_ = tail != nullptr ? end : Address{};
  }
  // visit(Address at, std::uint64_t value) for those that end in the range that begins at `border`, until it returns false. False: the visitor did.
  template <typename Reader, typename Visit>
  bool search(const BasicAddressScan<Reader>& scan, Address border, Visit&& visit) const {
    std::byte bytes[2 * kSide];
    if (end_ != border || !scan.reader()(border, bytes + kSide, kSide)) return true;
    std::memcpy(bytes, bytes_, kSide);
    // Of which only the last two bytes, zeros of any address, lie behind: those have been seen.
    for (std::size_t i = 2; i < kSide; ++i) {
      std::uint64_t value;
      std::memcpy(&value, bytes + i, sizeof value);
      if (scan.is_wanted(value) && !visit(border - (kSide - i), value)) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kSide = AddressScan::kWord - 1;
  Address end_{};  // Address{}: there is none, or its end cannot be read
  std::byte bytes_[kSide] = {};
};

}  // namespace allocs::runt
