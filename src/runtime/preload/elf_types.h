// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "allocs/uniqtype.h"
#include "elf/file_form.h"

// The types of what the run time decodes itself: texts, code, and the structures of ELF files as <elf.h> declares them, which are the same
// uniqtypes that programs with debug information have. (The union in Elf64_Dyn has no name there, so that one is ours.) Of files whose numbers are big-endian the structures
// are other types, called big_endian_Elf64_Sym and so on: of the same layout, with big-endian members.
namespace allocs::preload {

enum class ElfType : unsigned char {
  characters,  // char[]
  bytes,       // unsigned char[]
  note,        // struct elf_note: a header and what follows
  file_header,
  program_header,
  section_header,
  symbol,
  relocation,
  relocation_with_addend,
  dynamic_entry,
  half,     // Elf64_Half: what versions of symbols are
  word,     // Elf64_Word: hash tables, members of groups
  xword,    // Elf64_Xword: hash tables of two machines
  address,  // Elf64_Addr or Elf32_Addr: addresses, packed relocations
  count_
};

// Before the first question, where types may be made: false when there is no memory. Context: query.
bool make_elf_types(elf::FileForm form = {});

// nullptr before make_elf_types(). Context: signal.
uniqtype* elf_type(ElfType which, elf::FileForm form = {});
// The array of them without a length.
uniqtype* elf_array_type(ElfType element, elf::FileForm form = {});

}  // namespace allocs::preload
