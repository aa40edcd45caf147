// SPDX-License-Identifier: Apache-2.0
#include "elf/file.h"

namespace allocs::elf {

std::optional<FileHeader> File::header() const {
  const auto header = read<FileHeader>(FileOffset{0});
  if (!header || !is_supported(*header)) return std::nullopt;
  return header;
}

std::optional<ProgramHeader> File::program_header(std::size_t index) const {
  const auto header = this->header();
  if (!header || index >= header->e_phnum) return std::nullopt;
  const std::uint64_t offset = header->e_phoff + index * sizeof(ProgramHeader);
  if (offset < header->e_phoff) return std::nullopt;
  return read<ProgramHeader>(FileOffset{offset});
}

std::size_t File::section_count() const {
  const auto header = this->header();
  if (!header || header->e_shoff == 0 || header->e_shentsize != sizeof(SectionHeader)) return 0;
  if (header->e_shnum != 0) return header->e_shnum;
  // Too many for the field: the count is in section 0 (gABI).
  const auto first = read<SectionHeader>(FileOffset{header->e_shoff});
  if (!first || first->sh_size > size_ / sizeof(SectionHeader)) return 0;
  return first->sh_size;
}

std::optional<SectionHeader> File::section(std::size_t index) const {
  if (index >= section_count()) return std::nullopt;
  const std::uint64_t table = header()->e_shoff;
  if (table > size_) return std::nullopt;
  return read<SectionHeader>(FileOffset{table + index * sizeof(SectionHeader)});
}

std::optional<SectionHeader> File::find_section(std::string_view name) const {
  const auto header = this->header();
  if (!header) return std::nullopt;
  std::size_t names_index = header->e_shstrndx;
  if (names_index == SHN_XINDEX) {
    const auto first = section(0);
    if (!first) return std::nullopt;
    names_index = first->sh_link;
  }
  const auto names = section(names_index);
  if (!names) return std::nullopt;
  for (std::size_t i = 1, count = section_count(); i < count; ++i) {
    const auto candidate = section(i);
    if (!candidate) return std::nullopt;
    if (text(*names, candidate->sh_name) == name) return candidate;
  }
  return std::nullopt;
}

std::optional<SectionHeader> File::find_section(Elf64_Word type) const {
  for (std::size_t i = 1, count = section_count(); i < count; ++i) {
    const auto candidate = section(i);
    if (!candidate) return std::nullopt;
    if (candidate->sh_type == type) return candidate;
  }
  return std::nullopt;
}

const std::byte* File::content(const SectionHeader& section) const {
  if (section.sh_type == SHT_NOBITS) return nullptr;
  return view(FileOffset{section.sh_offset}, section.sh_size);
}

std::string_view File::text(const SectionHeader& strings, std::uint64_t offset) const {
  const std::byte* bytes = content(strings);
  if (bytes == nullptr || offset >= strings.sh_size) return {};
  const char* begin = reinterpret_cast<const char*>(bytes + offset);
  const std::size_t room = strings.sh_size - offset;
  const std::size_t length = strnlen(begin, room);
  return length == room ? std::string_view{} : std::string_view{begin, length};
}

std::optional<LinkAddress> File::link_address_of(FileOffset offset) const {
  const auto header = this->header();
  for (std::size_t i = 0; header && i < header->e_phnum; ++i) {
    const auto segment = program_header(i);
    if (!segment) break;
    if (segment->p_type == PT_LOAD && raw(offset) >= segment->p_offset &&
        raw(offset) - segment->p_offset < segment->p_filesz) {
      return LinkAddress{segment->p_vaddr + (raw(offset) - segment->p_offset)};
    }
  }
  return std::nullopt;
}

std::optional<FileOffset> File::file_offset_of(LinkAddress address) const {
  const auto header = this->header();
  for (std::size_t i = 0; header && i < header->e_phnum; ++i) {
    const auto segment = program_header(i);
    if (!segment) break;
    if (segment->p_type == PT_LOAD && raw(address) >= segment->p_vaddr &&
        raw(address) - segment->p_vaddr < segment->p_filesz) {
      return FileOffset{segment->p_offset + (raw(address) - segment->p_vaddr)};
    }
  }
  return std::nullopt;
}

}  // namespace allocs::elf
