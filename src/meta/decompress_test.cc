// SPDX-License-Identifier: Apache-2.0
#include "meta/decompress.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zstd.h>
#include <algorithm>

#include <cstring>
#include <numeric>
#include <vector>

namespace allocs::meta {
namespace {

using Bytes = std::vector<std::byte>;

Bytes content() {
  Bytes bytes(10'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i >> 7);
  return bytes;
}

Bytes zlib_of(const Bytes& from) {
  Bytes to(from.size() * 2);
  auto* engine = libdeflate_alloc_compressor(6);
  to.resize(libdeflate_zlib_compress(engine, from.data(), from.size(), to.data(), to.size()));
  libdeflate_free_compressor(engine);
  return to;
}

Bytes zstd_of(const Bytes& from) {
  Bytes to(ZSTD_compressBound(from.size()));
  to.resize(ZSTD_compress(to.data(), to.size(), from.data(), from.size(), 3));
  return to;
}

Bytes section_of(std::uint32_t type, std::uint64_t size, const Bytes& stream) {
  const Elf64_Chdr header{type, 0, size, 1};
  Bytes section(sizeof header);
  std::memcpy(section.data(), &header, sizeof header);
  section.insert(section.end(), stream.begin(), stream.end());
  return section;
}

Bytes gnu_section_of(std::uint64_t size, const Bytes& stream) {
  Bytes section(12);
  std::memcpy(section.data(), "ZLIB", 4);
  for (int i = 0; i < 8; ++i) section[4 + i] = static_cast<std::byte>(size >> (56 - 8 * i));
  section.insert(section.end(), stream.begin(), stream.end());
  return section;
}

void expect_content(const std::optional<Decompressed>& got) {
  ASSERT_TRUE(got);
  const Bytes expected = content();
  EXPECT_TRUE(std::equal(got->view().begin(), got->view().end(), expected.begin(), expected.end()));
}

TEST(Decompress, ReadsZlibAndZstdAndTheOlderForm) {
  std::string problem;
  expect_content(decompress_section(section_of(1, 10'000, zlib_of(content())), problem));
  expect_content(decompress_section(section_of(2, 10'000, zstd_of(content())), problem));
  expect_content(decompress_gnu_section(gnu_section_of(10'000, zlib_of(content())), problem));
  EXPECT_EQ(problem, "");
}

TEST(Decompress, RefusesSizesThatAreNotThoseOfTheContent) {
  for (const std::uint64_t size :
       {0ull, 1ull, 9'999ull, 10'001ull, 1ull << 20, 1ull << 40, ~0ull}) {
    std::string problem;
    EXPECT_FALSE(decompress_section(section_of(1, size, zlib_of(content())), problem)) << size;
    EXPECT_NE(problem, "") << size;
    EXPECT_FALSE(decompress_section(section_of(2, size, zstd_of(content())), problem)) << size;
    EXPECT_FALSE(decompress_gnu_section(gnu_section_of(size, zlib_of(content())), problem)) << size;
  }
}

TEST(Decompress, RefusesWhatIsCutOffAnywhere) {
  const Bytes zlib = section_of(1, 10'000, zlib_of(content()));
  const Bytes zstd = section_of(2, 10'000, zstd_of(content()));
  const Bytes gnu = gnu_section_of(10'000, zlib_of(content()));
  std::string problem;
  for (std::size_t size = 0; size < zlib.size(); ++size)
    EXPECT_FALSE(decompress_section(std::span{zlib}.first(size), problem)) << size;
  for (std::size_t size = 0; size < zstd.size(); ++size)
    EXPECT_FALSE(decompress_section(std::span{zstd}.first(size), problem)) << size;
  for (std::size_t size = 0; size < gnu.size(); ++size)
    EXPECT_FALSE(decompress_gnu_section(std::span{gnu}.first(size), problem)) << size;
}

// A zlib stream ends with a checksum: a flipped bit is noticed unless it is one of those that fill up the last byte.
TEST(Decompress, RefusesFlippedBitsOfAZlibStreamOrGivesTheContent) {
  Bytes section = section_of(1, 10'000, zlib_of(content()));
  const Bytes expected = content();
  std::size_t unnoticed = 0;
  std::string problem;
  for (std::size_t at = sizeof(Elf64_Chdr) + 2; at < section.size(); ++at) {
    section[at] ^= std::byte{16};
    if (const auto got = decompress_section(section, problem)) {
      EXPECT_TRUE(
          std::equal(got->view().begin(), got->view().end(), expected.begin(), expected.end()));
      ++unnoticed;
    }
    section[at] ^= std::byte{16};
  }
  EXPECT_LE(unnoticed, 1u);
}

TEST(Decompress, NamesAKindThatItDoesNotKnow) {
  std::string problem;
  EXPECT_FALSE(decompress_section(section_of(7, 10'000, zlib_of(content())), problem));
  EXPECT_NE(problem.find("unknown type 7"), std::string::npos);
}

}  // namespace
}  // namespace allocs::meta
