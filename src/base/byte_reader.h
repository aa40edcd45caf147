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
    return read_long_uleb();
  }

  std::int64_t read_sleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;;) {
      const auto byte = read<std::uint8_t>();
      if (!ok_) return 0;
      if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
      shift += 7;
      if ((byte & 0x80) == 0) {
        if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
        return static_cast<std::int64_t>(value);
      }
    }
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
  std::uint64_t read_long_uleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = read<std::uint8_t>();
      if (!ok_) return 0;
      if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
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
