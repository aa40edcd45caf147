// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// A cursor over bytes that nobody has checked. Every read is bounded; the first one that does not fit makes the reader
// fail for good, stand at its end and return zeros, so that a decoder may run on and test `ok()` once.
namespace allocs {

class ByteReader {
 public:
  constexpr ByteReader() = default;
  constexpr ByteReader(const std::byte* begin, std::size_t size) : at_(begin), end_(begin + size) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == end_; }
  const std::byte* position() const { return at_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  template <typename T>
  T read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (!has(sizeof(T))) return value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  void skip(std::size_t size) {
    if (has(size)) at_ += size;
  }

  std::uint64_t read_uleb() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) {  // nearly all are short
      return static_cast<std::uint8_t>(*at_++);
    }
    return take(long_uleb(at_, end_));
  }

  std::int64_t read_sleb() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) {
      const int byte = static_cast<int>(*at_++);
      return (byte ^ 0x40) - 0x40;
    }
    if (remaining() >= 2 && static_cast<std::uint8_t>(at_[1]) < 0x80) {
      const int bits = static_cast<int>(at_[0]) - 0x80 + 0x80 * static_cast<int>(at_[1]);
      at_ += 2;
      return (bits ^ 0x2000) - 0x2000;
    }
    return static_cast<std::int64_t>(take(long_sleb(at_, end_)));
  }

  // The NUL-terminated text at the cursor, which moves past it; nullptr if there is no NUL.
  const char* read_text() {
    const void* nul = at_ != end_ ? std::memchr(at_, 0, remaining()) : nullptr;
    if (nul == nullptr) {
      fail();
      return nullptr;
    }
    const char* text = reinterpret_cast<const char*>(at_);
    at_ = static_cast<const std::byte*>(nul) + 1;
    return text;
  }

 private:
  // Those that decode what is rare know nothing of the reader, so that compilers keep it in registers.
  struct Long {
    std::uint64_t value = 0;
    const std::byte* end = nullptr;  // nullptr: it has none
  };
  static Long long_uleb(const std::byte* at, const std::byte* end) {
    Long number;
    for (unsigned shift = 0; at != end; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at++);
      if (shift < 64) number.value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80) == 0) return {number.value, at};
    }
    return {};
  }
  static Long long_sleb(const std::byte* at, const std::byte* end) {
    const Long number = long_uleb(at, end);
    if (number.end == nullptr) return {};
    const auto bits = 7 * (number.end - at);
    const bool is_negative = (static_cast<std::uint8_t>(number.end[-1]) & 0x40) != 0;
    const std::uint64_t sign = is_negative && bits < 64 ? ~std::uint64_t{0} << bits : 0;
    return {number.value | sign, number.end};
  }
  std::uint64_t take(const Long& number) {
    if (number.end == nullptr) {
      fail();
    } else {
      at_ = number.end;
    }
    return number.value;
  }

  bool has(std::size_t size) {
    if (size <= remaining()) return true;  // nothing remains after a failure
    fail();
    return false;
  }
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  bool ok_ = true;
};

}  // namespace allocs
