// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

// One 128-bit content hash for type identity, the same in the metadata writer and in the run time. Not cryptographic:
// the images are the user's own files. Multiply-and-fold (64x64 -> 128 bits) in two lanes with different odd constants.
namespace allocs {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 in what the compiler makes of it.
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};
static_assert(sizeof(Hash128) == 16);

class Hasher {
 public:
  constexpr void add(std::uint64_t word) {
    low_ = fold(low_ ^ word, 0x9E3779B97F4A7C15u) + 0x632BE59BD9B4E019u;
    high_ = fold(high_ + word, 0xD6E8FEB86659FD93u) ^ 0xA0761D6478BD642Fu ^ low_;
  }
  constexpr void add(const Hash128& hash) {
    add(hash.low);
    add(hash.high);
  }
  // Length first, then the bytes, eight at a time, little-endian: no two texts share a stream.
  constexpr void add(std::string_view text) {
    add(text.size());
    for (; text.size() >= 8; text.remove_prefix(8)) add(word_of(text));
    if (!text.empty()) add(bytes_of(text));
  }
  // Never {0, 0}, which stands for "no hash yet".
  constexpr Hash128 finish() const {
    Hasher last = *this;
    last.add(0x8EBC6AF09C88C6E3u);
    last.add(0x589965CC75374CC3u);
    return Hash128{last.low_ | 1, last.high_};
  }

 private:
  // Of the first eight bytes.
  static constexpr std::uint64_t word_of(std::string_view text) {
    if (std::is_constant_evaluated()) return bytes_of(std::string_view(text.data(), 8));
    std::uint64_t word = 0;
    __builtin_memcpy(&word, text.data(), sizeof(word));
    return word;
  }
  static constexpr std::uint64_t bytes_of(std::string_view text) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
      word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
    return word;
  }
  static constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a | 1) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^
           (a << 32 | a >> 32);
  }
  std::uint64_t low_ = 0x2D358DCCAA6C78A5u;
  std::uint64_t high_ = 0x8BB84B93962EACC9u;
};

// 32-bit hash of a name, for the name index of an image.
constexpr std::uint32_t name_hash(std::string_view name) {
  Hasher hasher;
  hasher.add(name);
  return static_cast<std::uint32_t>(hasher.finish().high);
}

}  // namespace allocs
