// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "elf/elf.h"
#include "elf/file_form.h"

// An ELF file as it lies in memory, byte for byte as in the file system: its parts, and what its fields refer to. Nothing of it is believed: every
// place is compared with the size of the file, each time, so that a file that is cut, flipped or changed meanwhile leads to no other memory.
namespace allocs::elf {

using FileBytes = std::uint64_t;  // from the start of the file

// A section that a file without section headers has all the same: implied_sections.h.
struct ImpliedSection {
  SectionHeader header{};
  const char* name =
      nullptr;  // of the segment's type, or of the dynamic entry's tag: "PT_INTERP", "DT_SYMTAB"
  bool is_segment = false;  // all of a segment of the program: parts that lie in it go before
};

// Of any machine, in any form. What is read is told as of the 64-bit class, in this machine's order of bytes. The bytes stay where they are.
class FileView {
 public:
  // Absent if it does not begin with a file header that we read. Tables that do not fit into the file have no entries.
  static std::optional<FileView> open(const std::byte* bytes, std::uint64_t size);

  std::uint64_t size() const { return size_; }
  FileForm form() const { return form_; }
  const FileHeader& header() const { return header_; }  // as it was when it was opened
  std::uint32_t program_headers() const { return program_headers_; }
  std::uint32_t section_headers() const { return section_headers_; }  // that are in the file
  // How many sections are known: as many as there are headers of them in the file, or what use_implied() was given.
  std::uint32_t sections() const { return implied_ != nullptr ? implied_count_ : section_headers_; }
  std::optional<ProgramHeader> program_header(std::uint32_t index) const;
  std::optional<SectionHeader> section_header(std::uint32_t index) const;
  std::uint32_t section_names() const {
    return section_names_;
  }  // the section of the names; 0: none

  bool has(FileBytes at, std::uint64_t size) const { return at <= size_ && size <= size_ - at; }
  template <Structured T>
  std::optional<T> read(FileBytes at) const {
    if (!has(at, size_of<T>())) return std::nullopt;
    return structure_in<T>(form_, bytes_ + at);
  }
  template <std::unsigned_integral T>
  std::optional<T> read(FileBytes at) const {
    if (!has(at, sizeof(T))) return std::nullopt;
    return static_cast<T>(number_in(form_, bytes_ + at, sizeof(T)));
  }
  std::optional<std::uint64_t> read_address(FileBytes at) const {
    if (!has(at, address_size())) return std::nullopt;
    return number_in(form_, bytes_ + at, address_size());
  }
  // As they are in the file.
  template <Structured T>
  std::size_t size_of() const {
    return size_in<T>(form_);
  }
  std::size_t address_size() const { return address_size_in(form_); }
  // From `at` up to its NUL, which is before `end`.
  std::optional<std::string_view> text(FileBytes at, FileBytes end) const;
  std::optional<std::string_view> section_name(const SectionHeader& section) const;
  // Instead of section headers of its own. They live longer than the view.
  void use_implied(const ImpliedSection* sections, std::size_t count) {
    implied_ = sections;
    implied_count_ = static_cast<std::uint32_t>(count);
  }
  // Is code not in the file that its headers tell of? Then it is a file of debug information beside its program, and what segments say of places in it holds only where no section says otherwise.
  bool lacks_contents() const { return lacks_contents_; }
  void set_lacks_contents(bool lacks) { lacks_contents_ = lacks; }
  const ImpliedSection* implied_section(std::uint32_t index) const {
    return implied_ != nullptr && index < implied_count_ ? implied_ + index : nullptr;
  }

 private:
  const std::byte* bytes_ = nullptr;
  std::uint64_t size_ = 0;
  FileForm form_{};
  FileHeader header_{};
  std::uint32_t program_headers_ = 0;
  std::uint32_t section_headers_ = 0;
  std::uint32_t section_names_ = 0;
  const ImpliedSection* implied_ = nullptr;
  std::uint32_t implied_count_ = 0;
  bool lacks_contents_ = false;
};

// The index of the symbol in r_info. 64-bit MIPS has it in front of the types, whichever the order of bytes.
inline std::uint32_t symbol_of_relocation(const FileView& file, std::uint64_t info) {
  if (file.form().is_32) return static_cast<std::uint32_t>(info >> 8);
  const bool is_in_front = file.header().e_machine == EM_MIPS && !file.form().is_big_endian;
  return static_cast<std::uint32_t>(is_in_front ? info : ELF64_R_SYM(info));
}

// Does it have bytes in the file?
inline bool has_bytes(const SectionHeader& section) {
  return section.sh_type != SHT_NULL && section.sh_type != SHT_NOBITS && section.sh_size != 0;
}

// Is it a part of the program that has no bytes in the file? (A thread's has no address of its own.)
inline bool is_absent(const SectionHeader& section) {
  return section.sh_type == SHT_NOBITS && (section.sh_flags & SHF_ALLOC) != 0 &&
         (section.sh_flags & SHF_TLS) == 0 && section.sh_size != 0;
}
// For FileView::set_lacks_contents(). Reads all section headers.
bool find_lack_of_contents(const FileView& file);

enum class PartKind : std::uint8_t {
  file_header,
  program_headers,
  section_headers,
  section,
  segment  // of a file without section headers: one in which nothing else is told
};
struct FilePart {
  FileBytes begin = 0;
  FileBytes end = 0;
  std::uint32_t section = 0;  // its index, of a section or of a segment that stands for one
  PartKind kind = PartKind::section;
  friend bool operator==(const FilePart&, const FilePart&) = default;
};

// The parts by their places, none of which overlaps another: of those that claim the same bytes the headers are believed first, then what begins
// first, then what comes first in the table, segments last; of what is left out nothing can be told. `parts` has room for most_parts().
inline std::size_t most_parts(const FileView& file) { return 3u + file.sections(); }
std::size_t list_parts(const FileView& file, FilePart* parts);

// The part that contains `at`; with `or_next`, else the first one behind it. nullptr if there is none.
const FilePart* find_part(const FilePart* parts, std::size_t count, FileBytes at, bool or_next);

}  // namespace allocs::elf
