// SPDX-License-Identifier: Apache-2.0
#include "meta/decompress.h"

#include <elf.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include <cstring>
#include <new>

namespace allocs::meta {

namespace {

constexpr std::uint32_t kZlib = 1;  // ELFCOMPRESS_ZLIB
constexpr std::uint32_t kZstd = 2;  // ELFCOMPRESS_ZSTD, which older <elf.h> lack

// A deflate stream gives at most 258 bytes for two bits; zstd has no such bound, but a debug section that
// shrinks more than this is a bomb.
constexpr std::uint64_t kMostGrowth = 1032;

std::optional<Decompressed> room_for(std::uint64_t size, std::size_t from, std::string& problem) {
  if (size / kMostGrowth > from) {
    problem = fmt::format("claims {} bytes in {}", size, from);
    return std::nullopt;
  }
  Decompressed out;
  out.bytes.reset(new (std::nothrow) std::byte[size]);
  out.size = size;
  if (out.bytes == nullptr) {
    problem = fmt::format("has {} bytes, for which memory does not suffice", size);
    return std::nullopt;
  }
  return out;
}

std::optional<Decompressed> inflate(std::span<const std::byte> stream, std::uint64_t size,
                                    std::string& problem) {
  auto out = room_for(size, stream.size(), problem);
  if (!out) return std::nullopt;
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> engine{
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor};
  // A stream that gives fewer bytes than promised is an error too: no place is passed for their number.
  if (engine == nullptr ||
      libdeflate_zlib_decompress(engine.get(), stream.data(), stream.size(), out->bytes.get(), size,
                                 nullptr) != LIBDEFLATE_SUCCESS) {
    problem = "its zlib stream is damaged";
    return std::nullopt;
  }
  return out;
}

std::optional<Decompressed> inflate_zstd(std::span<const std::byte> frame, std::uint64_t size,
                                         std::string& problem) {
  auto out = room_for(size, frame.size(), problem);
  if (!out) return std::nullopt;
  const std::size_t got = ZSTD_decompress(out->bytes.get(), size, frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    problem = "its zstd frame is damaged";
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<Decompressed> decompress_section(std::span<const std::byte> section,
                                               std::string& problem) {
  Elf64_Chdr header;
  if (section.size() < sizeof header) {
    problem = "it ends within its compression header";
    return std::nullopt;
  }
  std::memcpy(&header, section.data(), sizeof header);
  const auto content = section.subspan(sizeof header);
  if (header.ch_type == kZlib) return inflate(content, header.ch_size, problem);
  if (header.ch_type == kZstd) return inflate_zstd(content, header.ch_size, problem);
  problem = fmt::format("its compression is of the unknown type {}", header.ch_type);
  return std::nullopt;
}

std::optional<Decompressed> decompress_gnu_section(std::span<const std::byte> section,
                                                   std::string& problem) {
  constexpr std::size_t kHeader = 12;
  if (section.size() < kHeader || std::memcmp(section.data(), "ZLIB", 4) != 0) {
    problem = "it does not begin with ZLIB and a size";
    return std::nullopt;
  }
  std::uint64_t size = 0;
  for (std::size_t i = 4; i < kHeader; ++i)
    size = size << 8 | std::to_integer<std::uint64_t>(section[i]);
  return inflate(section.subspan(kHeader), size, problem);
}

}  // namespace allocs::meta
