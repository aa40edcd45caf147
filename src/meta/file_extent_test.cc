// SPDX-License-Identifier: Apache-2.0
#include "meta/file_extent.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace allocs::meta {
namespace {

// Header, one segment at 64, section ".text" at 120 of 16 bytes, ".bss" of a gigabyte, names at 136 of 17 bytes, sections at 160.
std::vector<std::byte> a_file() {
  std::vector<std::byte> file(160 + 4 * sizeof(Elf64_Shdr));
  const auto put = [&](std::size_t at, const auto& what) {
    std::memcpy(file.data() + at, &what, sizeof what);
  };
  Elf64_Ehdr header{};
  header.e_phoff = sizeof header;
  header.e_phnum = 1;
  header.e_shoff = 160;
  header.e_shnum = 4;
  header.e_shstrndx = 3;
  put(0, header);
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_offset = 120;
  segment.p_filesz = 16;
  put(64, segment);
  const char names[] = "\0.text\0.bss\0.str";
  std::memcpy(file.data() + 136, names, sizeof names);
  const auto section = [&](int index, std::uint32_t name, std::uint32_t type, std::uint64_t offset,
                           std::uint64_t size) {
    Elf64_Shdr made{};
    made.sh_name = name;
    made.sh_type = type;
    made.sh_offset = offset;
    made.sh_size = size;
    put(160 + static_cast<std::size_t>(index) * sizeof made, made);
  };
  section(1, 1, SHT_PROGBITS, 120, 16);
  section(2, 7, SHT_NOBITS, 136, std::uint64_t{1} << 30);
  section(3, 12, SHT_STRTAB, 136, 17);
  return file;
}

std::string said_of(const std::vector<std::byte>& file) {
  Diagnostics diag;
  check_extent("a.out", file, diag);
  EXPECT_FALSE(diag.has_errors());
  EXPECT_LE(diag.messages().size(), 1u);
  const std::string said = diag.messages().empty() ? "" : diag.messages()[0];
  return said.substr(0, said.find(" goes"));
}

TEST(FileExtent, AWholeFileIsNotWarnedOf) { EXPECT_EQ(said_of(a_file()), ""); }

TEST(FileExtent, EveryCutIsWarnedOfByWhatIsMissing) {
  const std::vector<std::byte> whole = a_file();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const char* expected = size < 64    ? "a.out: 0x0: the ELF header"
                           : size < 120 ? "a.out: 0x40: the table of segments"
                                        : "a.out: 0xa0: the table of sections";
    EXPECT_EQ(said_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), expected)
        << size;
  }
}

TEST(FileExtent, ASectionBeyondTheEndIsNamed) {
  std::vector<std::byte> file = a_file();
  Elf64_Shdr section;
  std::memcpy(&section, file.data() + 160 + sizeof section, sizeof section);
  for (const std::uint64_t size : {std::uint64_t{297}, ~std::uint64_t{0}}) {
    section.sh_size = size;
    std::memcpy(file.data() + 160 + sizeof section, &section, sizeof section);
    EXPECT_EQ(said_of(file), "a.out: 0x78: section .text");
  }
  section.sh_size = 296;
  std::memcpy(file.data() + 160 + sizeof section, &section, sizeof section);
  EXPECT_EQ(said_of(file), "");
}

TEST(FileExtent, SegmentsAreAskedWhereThereAreNoSections) {
  std::vector<std::byte> file = a_file();
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  header.e_shoff = 0;
  header.e_shnum = 0;
  std::memcpy(file.data(), &header, sizeof header);
  file.resize(136);
  EXPECT_EQ(said_of(file), "");
  file.resize(135);
  EXPECT_EQ(said_of(file), "a.out: 0x78: segment 0");
}

TEST(FileExtent, ImpossibleCountsAreNoFault) {
  std::vector<std::byte> file = a_file();
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  header.e_shnum = 0;  // then the first section's size says how many
  std::memcpy(file.data(), &header, sizeof header);
  Elf64_Shdr first{};
  first.sh_size = ~std::uint64_t{0} / 64 + 2;
  std::memcpy(file.data() + 160, &first, sizeof first);
  EXPECT_EQ(said_of(file), "a.out: 0xa0: the table of sections");
}

}  // namespace
}  // namespace allocs::meta
