// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elf/file_parts.h"

// What the fields of an ELF file refer to. The languages are several, and which one a field speaks depends on where it is: a number may be a place in the
// file, an address, an index into a string table (whose one, the section header says), of a section, of a symbol.
namespace allocs::elf {

enum class Language : std::uint8_t { none, offset, address, string, section, symbol };

// The structures that have such fields.
enum class Structure : std::uint8_t {
  file_header,
  program_header,
  section_header,
  symbol,
  relocation,  // with or without addend
  dynamic_entry,
  address,  // a word of an array of addresses: .init_array
};

// A field of the structure that begins at `at`; `section` is that in which the structure lies, 0 for headers.
struct Field {
  Structure structure;
  std::uint32_t offset;  // in the structure, as it is in the file
  FileBytes at;
  std::uint32_t section;
  std::uint32_t indices =
      0;  // of symbols: the section (SHT_SYMTAB_SHNDX) with the indices of sections that are too large for st_shndx; 0: there is none
};

// Whether the field, holding what it holds now, refers to something, and in which language.
Language language_of(const FileView& file, const Field& field);

struct Target {
  FileBytes at = 0;
  std::uint64_t size = 0;  // 0: not known
};
// To what, for a field that has a language. Absent: to nothing that is in the file (an address of .bss), or the file contradicts itself.
std::optional<Target> target_of(const FileView& file, const Field& field);

}  // namespace allocs::elf
