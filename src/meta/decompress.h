// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace allocs::meta {

// What a compressed section holds. The bytes are not initialised before they are filled.
struct Decompressed {
  std::unique_ptr<std::byte[]> bytes;
  std::uint64_t size = 0;

  std::span<const std::byte> view() const { return {bytes.get(), size}; }
};

// The content of a section with SHF_COMPRESSED: an Elf64_Chdr, then a zlib stream or a zstd frame (gABI, "Section
// Compression"). nullopt, and why in `problem`, if it is damaged, of another kind, or claims a size that its bytes cannot give.
std::optional<Decompressed> decompress_section(std::span<const std::byte> section,
                                               std::string& problem);

// The same for the older .zdebug_ sections of GNU: "ZLIB", the size as 8 bytes with the highest first, a zlib stream.
std::optional<Decompressed> decompress_gnu_section(std::span<const std::byte> section,
                                                   std::string& problem);

}  // namespace allocs::meta
