// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <optional>

#include "base/address.h"
#include "base/memory.h"

// The ELF64 little-endian structures under this project's names. Fields keep the names of <elf.h>.
namespace allocs::elf {

using FileHeader = Elf64_Ehdr;
using ProgramHeader = Elf64_Phdr;
using SectionHeader = Elf64_Shdr;
using Symbol = Elf64_Sym;
using DynamicEntry = Elf64_Dyn;
using NoteHeader = Elf64_Nhdr;

// More program headers than this are taken for damage. (A core file may have any number; its reader does not ask here.)
inline constexpr std::size_t kMaxProgramHeaders = 256;

// True for an ELF64 little-endian x86-64 header with program headers of the size that we know.
inline bool is_supported(const FileHeader& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_machine == EM_X86_64 &&
         (header.e_phnum == 0 || header.e_phentsize == sizeof(ProgramHeader));
}

// The program headers of one object, somewhere in a memory.
struct ProgramHeaders {
  Address at{};
  std::size_t count = 0;
};

// `index` < headers.count. Absent when the memory is. Context: as the memory's view().
template <Memory M>
std::optional<ProgramHeader> program_header(const M& memory, ProgramHeaders headers,
                                            std::size_t index) {
  return load<ProgramHeader>(memory, headers.at + index * sizeof(ProgramHeader));
}

// The first program header of `type`.
template <Memory M>
std::optional<ProgramHeader> find_program_header(const M& memory, ProgramHeaders headers,
                                                 Elf64_Word type) {
  for (std::size_t i = 0; i < headers.count && i < kMaxProgramHeaders; ++i) {
    const auto header = program_header(memory, headers, i);
    if (!header) return std::nullopt;
    if (header->p_type == type) return header;
  }
  return std::nullopt;
}

// The program headers of the image whose file header lies at `image`.
template <Memory M>
std::optional<ProgramHeaders> program_headers_of_image(const M& memory, Address image) {
  const auto header = load<FileHeader>(memory, image);
  if (!header || !is_supported(*header) || header->e_phnum == 0 ||
      header->e_phnum > kMaxProgramHeaders) {
    return std::nullopt;
  }
  return ProgramHeaders{image + header->e_phoff, header->e_phnum};
}

}  // namespace allocs::elf
