// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/every_process.h"

// Text into a buffer of the caller's, with the contract of snprintf: what does not fit is counted and dropped, and the text ends in
// a NUL whenever the buffer has room for one. Takes no memory, no lock, no locale. Context: signal.
namespace allocs {

class TextWriter {
 public:
  TextWriter(char* buffer, std::size_t capacity)
      : buffer_(capacity == 0 ? &no_room_ : buffer),
        next_(buffer_),
        end_(capacity == 0 ? &no_room_ : buffer + (capacity - 1)) {
    *next_ = '\0';
  }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  [[ALLOCS_EVERY_PROCESS]] TextWriter& put(char c) {
    if (next_ != end_) {
      *next_++ = c;
      *next_ = '\0';
    } else {
      ++dropped_;
    }
    return *this;
  }
  // Most are names of a few letters: measuring and copying them in one pass costs less than two calls.
  [[ALLOCS_EVERY_PROCESS]] TextWriter& put(const char* text) {
    char* to = next_;
    for (; to != end_ && *text != '\0'; ++text) *to++ = *text;
    *to = '\0';
    next_ = to;
    for (; *text != '\0'; ++text) ++dropped_;
    return *this;
  }
  [[ALLOCS_EVERY_PROCESS]] TextWriter& put(std::string_view text) {
    const auto room = static_cast<std::size_t>(end_ - next_);
    const std::size_t count = text.size() < room ? text.size() : room;
    __builtin_memcpy(next_, text.data(), count);
    next_ += count;
    *next_ = '\0';
    dropped_ += text.size() - count;
    return *this;
  }
  TextWriter& decimal(std::uint64_t value) {
    if (value < 10) return put(static_cast<char>('0' + value));
    char digits[20];
    std::size_t first = sizeof digits;
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return put(std::string_view(digits + first, sizeof digits - first));
  }
  TextWriter& hexadecimal(std::uint64_t value) {
    constexpr unsigned kBitsOfDigit = 4;
    const std::size_t digits = value == 0 ? 1 : (67 - __builtin_clzll(value)) / kBitsOfDigit;
    char text[2 + 16];
    const bool has_room = static_cast<std::size_t>(end_ - next_) >= 2 + digits;
    char* const to = has_room ? next_ : text;
    to[0] = '0';
    to[1] = 'x';
    for (char* digit = to + 2 + digits; digit != to + 2; value >>= kBitsOfDigit)
      *--digit = "0123456789abcdef"[value & 15];
    if (!has_room) return put(std::string_view(text, 2 + digits));
    next_ += 2 + digits;
    *next_ = '\0';
    return *this;
  }
  TextWriter& signed_decimal(std::int64_t value) {
    if (value < 0) put('-');
    return decimal(value < 0 ? ~static_cast<std::uint64_t>(value) + 1
                             : static_cast<std::uint64_t>(value));
  }

  std::size_t length() const { return text().size() + dropped_; }  // of the whole text
  bool fits() const { return dropped_ == 0 && buffer_ != &no_room_; }
  std::string_view text() const { return {buffer_, static_cast<std::size_t>(next_ - buffer_)}; }

 private:
  char no_room_ = '\0';  // stands for a buffer of no bytes
  char* buffer_;
  char* next_;
  char* end_;  // where the last NUL goes
  std::size_t dropped_ = 0;
};

}  // namespace allocs
