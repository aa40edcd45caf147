// SPDX-License-Identifier: Apache-2.0
#include "elf/content_hash.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace allocs::elf {
namespace {

// A file header, one PT_LOAD of the whole file, and some code.
std::vector<std::byte> object_with(std::string_view code) {
  std::vector<std::byte> file(sizeof(FileHeader) + sizeof(ProgramHeader) + code.size());
  FileHeader header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof header;
  header.e_phnum = 1;
  header.e_phentsize = sizeof(ProgramHeader);
  ProgramHeader load{};
  load.p_type = PT_LOAD;
  load.p_filesz = load.p_memsz = file.size();
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, &load, sizeof load);
  std::memcpy(file.data() + sizeof header + sizeof load, code.data(), code.size());
  return file;
}

std::optional<Hash128> hash(const std::vector<std::byte>& file) {
  return hash_of_loaded_content(File(file.data(), file.size()));
}

TEST(HashOfLoadedContent, OtherCodeHasAnotherHash) {
  EXPECT_EQ(hash(object_with("some code")), hash(object_with("some code")));
  EXPECT_NE(hash(object_with("some code")), hash(object_with("some core")));
  EXPECT_NE(hash(object_with("some code")), hash(object_with(std::string_view("some code\0", 10))));
}

TEST(HashOfLoadedContent, StaysWhenSectionsAreAddedOrStripped) {
  auto file = object_with("some code");
  const auto before = hash(file);
  FileHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  header.e_shoff = file.size();
  header.e_shnum = 12;
  std::memcpy(file.data(), &header, sizeof header);
  file.resize(file.size() + 1000);
  EXPECT_EQ(hash(file), before);
}

TEST(HashOfLoadedContent, IsAbsentForDamage) {
  auto file = object_with("some code");
  file.pop_back();
  EXPECT_EQ(hash(file), std::nullopt);
  EXPECT_EQ(hash(std::vector<std::byte>(64)), std::nullopt);
}

}  // namespace
}  // namespace allocs::elf
