// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace allocs::showing {

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
  // Six digits behind the point, or an exponent.
  void real(double value) {
    if (value != value) return put("nan");
    if (value < 0) {
      put('-');
      value = -value;
    }
    if (value > 1.7e308) return put("inf");
    int exponent = 0;
    const bool is_scaled = value != 0 && (value >= 1e15 || value < 1e-4);
    while (is_scaled && value >= 10) value /= 10, ++exponent;
    while (is_scaled && value < 1) value *= 10, --exponent;
    std::uint64_t whole = static_cast<std::uint64_t>(value);
    std::uint64_t part = static_cast<std::uint64_t>((value - static_cast<double>(whole)) * 1e6 + 0.5);
    if (part >= 1000000) part = 0, ++whole;
    number(whole);
    if (part != 0) {
      put('.');
      for (std::uint64_t digit = 100000; digit != 0 && part != 0; part %= digit, digit /= 10)
        put(static_cast<char>('0' + part / digit));
    }
    if (is_scaled) {
      put('e');
      signed_number(exponent);
    }
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
