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
    if (length_ + 1 < capacity_) {
      const std::size_t room = capacity_ - length_ - 1;
      const std::size_t count = text.size() < room ? text.size() : room;
      __builtin_memcpy(buffer_ + length_, text.data(), count);
      buffer_[length_ + count] = '\0';
    }
    length_ += text.size();
    return *this;
  }
  TextWriter& decimal(std::uint64_t value) { return number<10>(value); }
  TextWriter& hexadecimal(std::uint64_t value) { return put("0x").number<16>(value); }
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
  template <unsigned kBase>
  TextWriter& number(std::uint64_t value) {
    char digits[20];
    std::size_t first = sizeof digits;
    do {
      digits[--first] = "0123456789abcdef"[value % kBase];
      value /= kBase;
    } while (value != 0);
    return put(std::string_view{digits + first, sizeof digits - first});
  }

  char* buffer_;
  std::size_t capacity_;
  std::size_t length_ = 0;
};

}  // namespace allocs
