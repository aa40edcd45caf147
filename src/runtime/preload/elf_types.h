// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "allocs/uniqtype.h"

// The types of what the run time decodes itself: texts, code, and the structures of ELF files as <elf.h> declares them, which are the same
// uniqtypes that programs with debug information have. (The union in Elf64_Dyn has no name there, so that one is ours.)
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
  half,   // Elf64_Half: what versions of symbols are
  word,   // Elf64_Word: hash tables, members of groups
  xword,  // Elf64_Xword: addresses, packed relocations
  count_
};

// Before the first question, where types may be made: false when there is no memory. Context: query.
bool make_elf_types();

// nullptr before make_elf_types(). Context: signal.
uniqtype* elf_type(ElfType which);
// The array of them without a length.
uniqtype* elf_array_type(ElfType element);

// A member of a structure, by its place in it.
inline bool is_member(const uniqtype* composite, ElfType which, std::size_t offset,
                      std::size_t wanted) {
  return composite != nullptr && composite == elf_type(which) && offset == wanted;
}

}  // namespace allocs::preload
