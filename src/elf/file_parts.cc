// SPDX-License-Identifier: Apache-2.0
#include "elf/file_parts.h"

#include <algorithm>

namespace allocs::elf {

namespace {

// What the first bytes say.
std::optional<FileForm> form_of(const std::byte* bytes, std::uint64_t size) {
  if (size < EI_NIDENT || std::memcmp(bytes, ELFMAG, SELFMAG) != 0) return std::nullopt;
  const auto kind = std::to_integer<unsigned char>(bytes[EI_CLASS]);
  const auto order = std::to_integer<unsigned char>(bytes[EI_DATA]);
  if ((kind != ELFCLASS32 && kind != ELFCLASS64) || (order != ELFDATA2LSB && order != ELFDATA2MSB))
    return std::nullopt;
  return FileForm{.is_32 = kind == ELFCLASS32, .is_big_endian = order == ELFDATA2MSB};
}

// As many entries of a table as it says it has, or none if they do not all fit.
std::uint32_t entries(const FileView& file, FileBytes at, std::uint64_t count, std::uint64_t size) {
  std::uint64_t whole = 0;
  if (at == 0 || count > 0xFFFFFFFFu - 3 || __builtin_mul_overflow(count, size, &whole)) return 0;
  return file.has(at, whole) ? static_cast<std::uint32_t>(count) : 0;
}

}  // namespace

std::optional<FileView> FileView::open(const std::byte* bytes, std::uint64_t size) {
  FileView file;
  file.bytes_ = bytes;
  file.size_ = size;
  const auto form = form_of(bytes, size);
  if (!form) return std::nullopt;
  file.form_ = *form;
  const auto header = file.read<FileHeader>(0);
  if (!header) return std::nullopt;
  file.header_ = *header;
  // Numbers that are too large for their fields are in the first section header.
  std::uint64_t sections = header->e_shnum, segments = header->e_phnum;
  std::uint32_t names = header->e_shstrndx;
  if (header->e_shentsize == file.size_of<SectionHeader>() && header->e_shoff != 0) {
    if (const auto first = file.read<SectionHeader>(header->e_shoff)) {
      if (sections == 0) sections = first->sh_size;
      if (segments == PN_XNUM) segments = first->sh_info;
      if (names == SHN_XINDEX) names = first->sh_link;
    }
    file.section_headers_ = entries(file, header->e_shoff, sections, file.size_of<SectionHeader>());
  }
  if (header->e_phentsize == file.size_of<ProgramHeader>())
    file.program_headers_ = entries(file, header->e_phoff, segments, file.size_of<ProgramHeader>());
  file.section_names_ = names < file.section_headers_ ? names : 0;
  return file;
}

std::optional<ProgramHeader> FileView::program_header(std::uint32_t index) const {
  if (index >= program_headers_) return std::nullopt;
  return read<ProgramHeader>(header_.e_phoff + index * size_of<ProgramHeader>());
}

std::optional<SectionHeader> FileView::section_header(std::uint32_t index) const {
  if (const ImpliedSection* const implied = implied_section(index)) return implied->header;
  if (index >= section_headers_) return std::nullopt;
  return read<SectionHeader>(header_.e_shoff + index * size_of<SectionHeader>());
}

std::optional<std::string_view> FileView::text(FileBytes at, FileBytes end) const {
  if (at >= end || !has(at, end - at)) return std::nullopt;
  const char* const begin = reinterpret_cast<const char*>(bytes_ + at);
  const void* const nul = std::memchr(begin, '\0', end - at);
  if (nul == nullptr) return std::nullopt;
  return std::string_view(begin, static_cast<std::size_t>(static_cast<const char*>(nul) - begin));
}

std::optional<std::string_view> FileView::section_name(const SectionHeader& section) const {
  const auto names = section_names_ == 0 ? std::nullopt : section_header(section_names_);
  if (!names || names->sh_type != SHT_STRTAB || section.sh_name >= names->sh_size ||
      !has(names->sh_offset, names->sh_size))
    return std::nullopt;
  return text(names->sh_offset + section.sh_name, names->sh_offset + names->sh_size);
}

bool find_lack_of_contents(const FileView& file) {
  for (std::uint32_t i = 1; i < file.section_headers(); ++i) {
    const auto section = file.section_header(i);
    if (section && is_absent(*section) && (section->sh_flags & SHF_EXECINSTR) != 0) return true;
  }
  return false;
}

namespace {

bool goes_before(const FilePart& a, const FilePart& b) {
  if (a.begin != b.begin) return a.begin < b.begin;
  if (a.kind != b.kind) return a.kind < b.kind;
  return a.section < b.section;
}

// Calls visit(const FilePart&) for those that have bytes in the file: that stand for whole segments, or the others.
template <typename Visit>
void for_each_section(const FileView& file, bool are_segments, Visit visit) {
  for (std::uint32_t i = 1; i < file.sections(); ++i) {
    const ImpliedSection* const implied = file.implied_section(i);
    if (are_segments != (implied != nullptr && implied->is_segment)) continue;
    const auto section = file.section_header(i);
    if (section && has_bytes(*section) && file.has(section->sh_offset, section->sh_size))
      visit(FilePart{section->sh_offset, section->sh_offset + section->sh_size, i,
                     are_segments ? PartKind::segment : PartKind::section});
  }
}

// Of parts in order those that none before claims the bytes of; returns how many.
std::size_t keep_disjoint(FilePart* parts, std::size_t count) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const FilePart part = parts[i];
    // A table takes the place of sections that claim to be there, but not of another table.
    if (part.kind < PartKind::section) {
      while (kept != 0 && parts[kept - 1].end > part.begin &&
             parts[kept - 1].kind == PartKind::section)
        --kept;
    }
    if (kept == 0 || parts[kept - 1].end <= part.begin) parts[kept++] = part;
  }
  return kept;
}

}  // namespace

std::size_t list_parts(const FileView& file, FilePart* parts) {
  std::size_t count = 0;
  parts[count++] = {0, file.size_of<FileHeader>(), 0, PartKind::file_header};
  const FileHeader& header = file.header();
  if (file.program_headers() != 0)
    parts[count++] = {header.e_phoff,
                      header.e_phoff + file.program_headers() * file.size_of<ProgramHeader>(), 0,
                      PartKind::program_headers};
  if (file.section_headers() != 0)
    parts[count++] = {header.e_shoff,
                      header.e_shoff + file.section_headers() * file.size_of<SectionHeader>(), 0,
                      PartKind::section_headers};
  for_each_section(file, false, [&](const FilePart& part) { parts[count++] = part; });
  std::sort(parts, parts + count, goes_before);
  count = keep_disjoint(parts, count);
  const std::size_t told = count;
  for_each_section(file, true, [&](const FilePart& part) {
    const FilePart* const other = find_part(parts, told, part.begin, true);
    if (other == nullptr || other->begin >= part.end) parts[count++] = part;
  });
  std::sort(parts, parts + count, goes_before);
  return keep_disjoint(parts, count);
}

const FilePart* find_part(const FilePart* parts, std::size_t count, FileBytes at, bool or_next) {
  const FilePart* const end = parts + count;
  const FilePart* const above = std::upper_bound(
      parts, end, at, [](FileBytes place, const FilePart& part) { return place < part.begin; });
  if (above != parts && at < above[-1].end) return above - 1;
  return or_next && above != end ? above : nullptr;
}

}  // namespace allocs::elf
