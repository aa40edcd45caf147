// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace allocs::showing {

// The length in bytes of the character that `size` bytes of UTF-8 begin with, if it is one that is not ASCII and no control character; else 0.
inline std::size_t length_of_character(const unsigned char* bytes, std::size_t size) {
  const unsigned first = size == 0 ? 0 : bytes[0];
  const std::size_t length = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
  if (length == 0 || length > size) return 0;
  std::uint32_t code = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((bytes[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (bytes[i] & 0x3Fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0xA0, 0x800, 0x10000}; // U+0080 to U+009F are control characters
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  return code < kSmallest[length] || code > 0x10FFFF || is_surrogate ? 0 : length;
}

// Text into a buffer, as snprintf: what does not fit is counted.
class Writer {
 public:
  Writer(char* buf, std::size_t len) : buf_(buf), len_(len) {
    if (len_ != 0) buf_[0] = '\0';
  }
  void put(char c) {
    if (written_ + 1 < len_) {
      buf_[written_] = c;
      buf_[written_ + 1] = '\0';
    }
    ++written_;
  }
  void put(std::string_view text) {
    for (const char c : text) put(c);
  }
  void number(std::uint64_t value, unsigned base = 10) {
    char digits[20];
    int count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0) put(digits[--count]);
  }
  void signed_number(std::int64_t value) {
    if (value < 0) put('-');
    number(value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value));
  }
  // The shortest text that is this value and no other of its format.
  template <typename Real>
  void real(Real value) {
    char digits[64];
    const std::to_chars_result result = std::to_chars(digits, digits + sizeof digits, value);
    put(std::string_view(digits, static_cast<std::size_t>(result.ptr - digits)));
  }
  // As in a literal. What is not ASCII is escaped.
  void character(unsigned char c) {
    if (c == '\n') return put("\\n");
    if (c == '"' || c == '\\') put('\\');
    if (c >= ' ' && c < 0x7f) return put(static_cast<char>(c));
    put("\\x");
    put("0123456789abcdef"[c >> 4]);
    put("0123456789abcdef"[c & 15]);
  }
  void address(const void* p) {
    put("0x");
    number(reinterpret_cast<std::uintptr_t>(p), 16);
  }
  std::size_t written() const { return written_; }

 private:
  char* buf_;
  std::size_t len_;
  std::size_t written_ = 0;
};

}  // namespace allocs::showing
