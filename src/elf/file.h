// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include "elf/elf.h"

namespace allocs::elf {

// The bytes of an ELF file, usually a mapping of it. Nothing in them is believed: every access is bounded.
// Does not own the bytes. Context: signal.
class File {
 public:
  constexpr File() = default;
  constexpr File(const std::byte* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  const std::byte* view(FileOffset at, std::uint64_t size) const {
    if (raw(at) > size_ || size > size_ - raw(at)) return nullptr;
    return bytes_ + raw(at);
  }
  template <typename T>
  std::optional<T> read(FileOffset at) const {
    const std::byte* bytes = view(at, sizeof(T));
    if (bytes == nullptr) return std::nullopt;
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }
  std::size_t size() const { return size_; }

  // Absent when the file is not ELF64 little-endian x86-64.
  std::optional<FileHeader> header() const;
  std::optional<ProgramHeader> program_header(std::size_t index) const;

  std::size_t section_count() const;  // 0 without a readable section table
  std::optional<SectionHeader> section(std::size_t index) const;
  std::optional<SectionHeader> find_section(std::string_view name) const;
  std::optional<SectionHeader> find_section(Elf64_Word type) const;

  // The bytes of a section that has some in the file; nullptr for .bss and for lies.
  const std::byte* content(const SectionHeader& section) const;
  // The text at `offset` of a string section; empty when there is none.
  std::string_view text(const SectionHeader& strings, std::uint64_t offset) const;

  // Where the loader puts the byte at `offset`, and where the byte at `address` is in the file.
  std::optional<LinkAddress> link_address_of(FileOffset offset) const;
  std::optional<FileOffset> file_offset_of(LinkAddress address) const;

 private:
  const std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace allocs::elf
