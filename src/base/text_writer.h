// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Text into a buffer of the caller's, with the contract of snprintf: what does not fit is counted and dropped, and the text ends in
// a NUL whenever the buffer has room for one. Takes no memory, no lock, no locale. Context: signal.
namespace allocs {

class TextWriter {
 public:
  TextWriter(char* buffer, std::size_t capacity) : buffer_(buffer), capacity_(capacity) {
    if (capacity_ != 0) buffer_[0] = '\0';
  }

  TextWriter& put(char c) {
    if (length_ + 1 < capacity_) {
      buffer_[length_] = c;
      buffer_[length_ + 1] = '\0';
    }
    ++length_;
    return *this;
  }
  TextWriter& put(std::string_view text) {
    for (const char c : text) put(c);
    return *this;
  }
  TextWriter& decimal(std::uint64_t value) { return number(value, 10); }
  TextWriter& hexadecimal(std::uint64_t value) { return put("0x").number(value, 16); }
  TextWriter& signed_decimal(std::int64_t value) {
    if (value < 0) put('-');
    return decimal(value < 0 ? ~static_cast<std::uint64_t>(value) + 1
                             : static_cast<std::uint64_t>(value));
  }

  std::size_t length() const { return length_; }  // of the whole text
  bool fits() const { return length_ < capacity_; }
  std::string_view text() const {
    return {buffer_, fits() ? length_ : capacity_ - (capacity_ != 0)};
  }

 private:
  TextWriter& number(std::uint64_t value, unsigned base) {
    char digits[20];
    int count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }

  char* buffer_;
  std::size_t capacity_;
  std::size_t length_ = 0;
};

}  // namespace allocs
