// SPDX-License-Identifier: Apache-2.0
#include "elf/write/put_section.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "elf/file.h"

namespace allocs::elf::write {
namespace {

namespace fs = std::filesystem;

class PutSection : public testing::Test {
 protected:
  PutSection() {
    std::string pattern = (fs::temp_directory_path() / "put_section.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~PutSection() override { fs::remove_all(folder_); }

  // Compiles `source` with the C compiler of this machine; skips the test where there is none.
  std::string compiled(const std::string& source, const std::string& flags) {
    std::ofstream(folder_ / "a.c") << source;
    const std::string output = (folder_ / "a").string();
    const std::string command = "cc -o " + output + " " + flags + " " + (folder_ / "a.c").string();
    return std::system(command.c_str()) == 0 ? output : "";
  }
  static std::vector<std::byte> bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
  }
  static std::string put(const fs::path& path, std::string_view name, std::string_view content) {
    return put_section(path, {.name = name, .content = std::as_bytes(std::span(content))});
  }
  static std::string content(const fs::path& path, std::string_view name) {
    const auto bytes = bytes_of(path);
    const File file(bytes.data(), bytes.size());
    const auto section = file.find_section(name);
    if (!section || file.content(*section) == nullptr) return "(none)";
    return {reinterpret_cast<const char*>(file.content(*section)), section->sh_size};
  }
  static int run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str());
  }

  fs::path folder_;
};

constexpr const char* kProgram = "int main(void) { return 0; }";

TEST_F(PutSection, IsReadBackAndTheProgramStillRuns) {
  const std::string program = compiled(kProgram, "-g");
  if (program.empty()) GTEST_SKIP();
  EXPECT_EQ(put(program, ".allocs", "what is in memory"), "");
  EXPECT_EQ(content(program, ".allocs"), "what is in memory");
  EXPECT_EQ(run(program), 0);
}

TEST_F(PutSection, NothingOfAnObjectFileMoves) {
  const std::string object = compiled(kProgram, "-g -c");
  if (object.empty()) GTEST_SKIP();
  const auto before = bytes_of(object);
  EXPECT_EQ(put(object, ".allocs.sites", "sites"), "");
  const auto after = bytes_of(object);
  const File old_file(before.data(), before.size());
  const File new_file(after.data(), after.size());
  ASSERT_EQ(new_file.section_count(), old_file.section_count() + 1);
  const std::size_t names = old_file.header()->e_shstrndx;
  for (std::size_t i = 0; i < old_file.section_count(); ++i) {
    if (i == names) continue;
    const SectionHeader old_section = *old_file.section(i);
    const SectionHeader new_section = *new_file.section(i);
    EXPECT_EQ(std::memcmp(&old_section, &new_section, sizeof old_section), 0) << i;
  }
}

TEST_F(PutSection, ExchangingAContentDoesNotMakeTheFileGrow) {
  const std::string program = compiled(kProgram, "");
  if (program.empty()) GTEST_SKIP();
  EXPECT_EQ(put(program, ".allocs", "the first"), "");
  const auto size = fs::file_size(program);
  EXPECT_EQ(put(program, ".allocs", "a content that is rather longer than the first one was"), "");
  EXPECT_EQ(put(program, ".allocs", "the other"), "");
  EXPECT_EQ(fs::file_size(program), size);
  EXPECT_EQ(content(program, ".allocs"), "the other");
}

TEST_F(PutSection, KeepsTheModeAndFollowsASymbolicLink) {
  const std::string program = compiled(kProgram, "");
  if (program.empty()) GTEST_SKIP();
  fs::permissions(program, fs::perms{0751});
  fs::create_symlink("a", folder_ / "link");
  EXPECT_EQ(put(folder_ / "link", ".allocs", "x"), "");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(fs::status(program).permissions(), fs::perms{0751});
  EXPECT_EQ(content(program, ".allocs"), "x");
}

TEST_F(PutSection, AFileWithTwoNamesKeepsBoth) {
  const std::string program = compiled(kProgram, "");
  if (program.empty()) GTEST_SKIP();
  fs::create_hard_link(program, folder_ / "other");
  EXPECT_EQ(put(program, ".allocs", "x"), "");
  EXPECT_EQ(put(program, ".allocs", "y"), "");
  EXPECT_TRUE(fs::equivalent(program, folder_ / "other"));
  EXPECT_EQ(content(folder_ / "other", ".allocs"), "y");
  EXPECT_EQ(run(program), 0);
}

TEST_F(PutSection, StripAndTheLinkerKeepIt) {
  const std::string object = compiled("int f(void) { return 7; }", "-g -c");
  if (object.empty() || run("strip --version") != 0) GTEST_SKIP();
  EXPECT_EQ(put(object, ".allocs.sites", "12345678"), "");
  const std::string linked = (folder_ / "linked").string();
  ASSERT_EQ(run("ld -r -o " + linked + " " + object), 0);
  EXPECT_EQ(content(linked, ".allocs.sites"), "12345678");
  ASSERT_EQ(run("cc -shared -o " + linked + " " + object), 0);
  EXPECT_EQ(put(linked, ".allocs", "image"), "");
  ASSERT_EQ(run("strip --strip-all " + linked), 0);
  EXPECT_EQ(content(linked, ".allocs"), "image");
}

TEST_F(PutSection, MoreThanFf00SectionsAreCountedInSectionZero) {
  std::string source = "int f(void) { return 0; }\n";
  for (int i = 0; i < 0xff20 / 2; ++i)
    source += "__asm__(\".section .t" + std::to_string(i) +
              ",\\\"a\\\",@progbits; .byte 1; .section .u" + std::to_string(i) +
              ",\\\"a\\\",@progbits; .byte 1; .text\");\n";
  const std::string object = compiled(source, "-c");
  if (object.empty()) GTEST_SKIP();
  EXPECT_EQ(put(object, ".allocs.sites", "far behind"), "");
  EXPECT_EQ(content(object, ".allocs.sites"), "far behind");
  EXPECT_EQ(run("ld -r -o " + (folder_ / "b").string() + " " + object), 0);
}

TEST_F(PutSection, CrossingTheLimitOfTheFieldIsPlannedToo) {
  const std::string object = compiled(kProgram, "-c");
  if (object.empty()) GTEST_SKIP();
  auto bytes = bytes_of(object);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes.resize(header.e_shoff + (SHN_LORESERVE - 1) * sizeof(Elf64_Shdr));
  header.e_shnum = SHN_LORESERVE - 1;
  std::memcpy(bytes.data(), &header, sizeof header);
  const InputFile file{bytes.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
                         if (offset > bytes.size() || into.size() > bytes.size() - offset)
                           return false;
                         std::memcpy(into.data(), bytes.data() + offset, into.size());
                         return true;
                       }};
  std::string problem;
  const auto edit = plan_section(file, {.name = ".x", .content = {}}, true, problem);
  ASSERT_TRUE(edit) << problem;
  EXPECT_EQ(edit->header.e_shnum, 0);
  Elf64_Shdr first;
  std::memcpy(&first, edit->tail.data() + (edit->header.e_shoff - edit->kept), sizeof first);
  EXPECT_EQ(first.sh_size, SHN_LORESERVE);
}

TEST_F(PutSection, WhatCannotBeChangedIsNamedAndLeftAlone) {
  const std::string text = (folder_ / "text").string();
  std::ofstream(text) << "int main(void);";
  EXPECT_EQ(put(text, ".allocs", "x"), text + ": is not an ELF file");
  EXPECT_EQ(put(folder_ / "none", ".allocs", "x"),
            (folder_ / "none").string() + ": No such file or directory");
  EXPECT_EQ(put("/dev/null", ".allocs", "x"), "/dev/null: is not a regular file");

  const std::string program = compiled(kProgram, "");
  if (program.empty()) GTEST_SKIP();
  EXPECT_EQ(put(program, ".text", "x"), program + ": has a section of that name that is loaded");
  std::ofstream(program, std::ios::app) << "an archive that the program unpacks";
  EXPECT_EQ(
      put(program, ".allocs", "x"),
      program + ": has 35 bytes behind its last section, which might be looked for at the end");
  fs::resize_file(program, 1000);
  EXPECT_NE(put(program, ".allocs", "x"), "");
}

}  // namespace
}  // namespace allocs::elf::write
