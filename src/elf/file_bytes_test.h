// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <vector>

#include "elf/file_parts.h"

namespace allocs::elf {

// The bytes of an ELF file in which nothing is but a header that says so; tests put the rest.
inline std::vector<std::byte> bytes_with_header(std::size_t size, std::uint16_t type) {
  FileHeader header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(ProgramHeader);
  header.e_shentsize = sizeof(SectionHeader);
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace allocs::elf
