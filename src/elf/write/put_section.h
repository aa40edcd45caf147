// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Puts one section that is not loaded into an ELF file, or exchanges the one that is there.
namespace allocs::elf::write {

struct NewSection {
  std::string_view name;
  std::span<const std::byte> content;
  std::uint32_t type = SHT_PROGBITS;
  std::uint64_t alignment = 8;  // a power of two
  std::uint64_t flags = 0;
};

// A file to be changed. `read` fills all of `into` from `offset` on, or returns false. It is no mapping: a file that another
// process cuts short meanwhile must be an error, not a SIGBUS.
struct InputFile {
  std::uint64_t size = 0;
  std::function<bool(std::uint64_t offset, std::span<std::byte> into)> read;
};

// A file with the section is the first `kept` bytes of the file without it, then `tail`, and then `header` written over
// the bytes at offset 0.
struct Edit {
  Elf64_Ehdr header{};
  std::uint64_t kept = 0;
  std::vector<std::byte> tail;
};

// `reuse_tail`: bytes at the end that only the old section, name table and section header table use are not kept, so that
// exchanging a section again and again does not make the file grow. Else all of the file is kept.
// Absent, with the reason in `problem`, if the file is not one that can be changed so.
std::optional<Edit> plan_section(const InputFile& file, const NewSection& section, bool reuse_tail,
                                 std::string& problem);

// Does it to the file at `path` (a symbolic link is followed). Whoever opens the file meanwhile sees the old one or the
// whole new one. Mode and owner stay. Returns what went wrong, with the path in it, or an empty text; then
// the file is as it was.
std::string put_section(const std::filesystem::path& path, const NewSection& section);

}  // namespace allocs::elf::write
