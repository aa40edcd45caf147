// SPDX-License-Identifier: Apache-2.0
#include "elf/content_hash.h"

#include <algorithm>
#include <cstring>

namespace allocs::elf {

namespace {

void add_bytes(Hasher& hasher, const std::byte* bytes, std::uint64_t size) {
  hasher.add(size);
  std::uint64_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, 8);
    hasher.add(word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes + at, size - at);
  hasher.add(rest);
}

}  // namespace

std::optional<Hash128> hash_of_loaded_content(const File& file) {
  const auto header = file.header();
  if (!header) return std::nullopt;
  const std::uint64_t table_end = header->e_phoff + header->e_phnum * sizeof(ProgramHeader);
  // Linkers put the program headers behind the file header. Elsewhere they are hashed like anything else.
  const std::uint64_t headers_end =
      header->e_phoff == sizeof(FileHeader) ? table_end : sizeof(FileHeader);
  Hasher hasher;
  bool is_loaded = false;
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = file.program_header(i);
    if (!segment) return std::nullopt;
    if (segment->p_type != PT_LOAD) continue;
    hasher.add(segment->p_vaddr);
    hasher.add(segment->p_memsz);
    hasher.add(segment->p_flags);
    const std::uint64_t skipped =
        segment->p_offset >= headers_end
            ? 0
            : std::min<std::uint64_t>(headers_end - segment->p_offset, segment->p_filesz);
    const std::uint64_t size = segment->p_filesz - skipped;
    const std::byte* bytes = file.view(FileOffset{segment->p_offset + skipped}, size);
    if (bytes == nullptr) return std::nullopt;
    add_bytes(hasher, bytes, size);
    is_loaded = true;
  }
  return is_loaded ? std::optional{hasher.finish()} : std::nullopt;
}

}  // namespace allocs::elf
