// SPDX-License-Identifier: Apache-2.0
#include "meta/file_extent.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <optional>

namespace allocs::meta {

namespace {

struct Part {
  std::string what;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class Extent {
 public:
  explicit Extent(std::span<const std::byte> file) : file_(file) {}

  std::optional<Part> first_missing() const {
    const auto header = read<Elf64_Ehdr>(0);
    if (!header) return Part{"the ELF header", 0, sizeof(Elf64_Ehdr)};
    const Part segments{"the table of segments", header->e_phoff,
                        std::uint64_t{header->e_phnum} * sizeof(Elf64_Phdr)};
    if (header->e_phnum != 0 && !is_there(segments)) return segments;
    if (header->e_shoff == 0) return first_missing_segment(*header);
    const auto first = read<Elf64_Shdr>(header->e_shoff);
    const std::uint64_t count = header->e_shnum != 0 || !first ? header->e_shnum : first->sh_size;
    const Part sections{"the table of sections", header->e_shoff,
                        count > file_.size() ? ~std::uint64_t{0} : count * sizeof(Elf64_Shdr)};
    if (!first || !is_there(sections)) return sections;
    for (std::uint64_t i = 1; i < count; ++i) {
      const auto section = read<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr));
      if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL) continue;
      const Part part{name_of(*section, i, *header), section->sh_offset, section->sh_size};
      if (!is_there(part)) return part;
    }
    return std::nullopt;
  }

 private:
  bool is_there(const Part& part) const {
    return part.size == 0 ||
           (part.offset <= file_.size() && part.size <= file_.size() - part.offset);
  }
  template <typename T>
  std::optional<T> read(std::uint64_t offset) const {
    if (!is_there({{}, offset, sizeof(T)})) return std::nullopt;
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }
  // Of a file without sections. Of others the segments are not asked: a debug file has none of what they hold.
  std::optional<Part> first_missing_segment(const Elf64_Ehdr& header) const {
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
      const auto segment = read<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
      const Part part{fmt::format("segment {}", i), segment->p_offset, segment->p_filesz};
      if (segment->p_type == PT_LOAD && !is_there(part)) return part;
    }
    return std::nullopt;
  }
  std::string name_of(const Elf64_Shdr& section, std::uint64_t index,
                      const Elf64_Ehdr& header) const {
    const std::string number = fmt::format("section {}", index);
    const auto names =
        read<Elf64_Shdr>(header.e_shoff + std::uint64_t{header.e_shstrndx} * sizeof(Elf64_Shdr));
    if (!names || !is_there({{}, names->sh_offset, names->sh_size})) return number;
    if (section.sh_name >= names->sh_size) return number;
    const auto* text = reinterpret_cast<const char*>(file_.data() + names->sh_offset);
    const std::size_t length = strnlen(text + section.sh_name, names->sh_size - section.sh_name);
    return fmt::format("section {}", std::string_view{text + section.sh_name, length});
  }

  std::span<const std::byte> file_;
};

}  // namespace

void check_extent(const std::string& path, std::span<const std::byte> file, Diagnostics& diag) {
  const auto missing = Extent{file}.first_missing();
  if (!missing) return;
  diag.warning(
      path,
      fmt::format(
          "{} goes beyond the end of the file, which has {} bytes: it was cut, or is damaged; "
          "what is missing is left out; get it anew",
          missing->what, file.size()),
      missing->offset);
}

}  // namespace allocs::meta
