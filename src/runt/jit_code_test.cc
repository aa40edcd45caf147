// SPDX-License-Identifier: Apache-2.0
#include "runt/jit_code.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace allocs::runt {
namespace {

// A process of which only the list and the files in it are in memory: the descriptor, 64 places for entries, then the files.
constexpr std::uint64_t kBase = 0x100000;
constexpr std::uint64_t kEntries = kBase + 0x100;
constexpr std::uint64_t kFirstFile = kBase + 0x1000;
constexpr std::uint64_t kFileSize = 0x1000;
constexpr std::uint64_t kFramesPlace = 0x900000;  // sh_addr of .eh_frame: nothing lies there

struct Function {
  std::uint64_t code = 0;
  std::uint64_t size = 0;
  std::string name;
  std::uint8_t pushed = 0;    // bytes below the return address
  std::uint64_t covered = 0;  // by its record; 0: `size`
  bool wants_relocation = false;
  std::uint16_t type = ET_REL;
};

class Process {
 public:
  explicit Process(std::vector<Function> functions) : bytes_(kFirstFile - kBase) {
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const bool is_last = i + 1 == functions.size();
      bytes_.resize(kFirstFile - kBase + (i + 1) * kFileSize);
      put_file(file_at(i), functions[i]);
      put(entry_at(i), JitEntry{.next = Address{is_last ? 0 : entry_at(i + 1)},
                                .previous = Address{i == 0 ? 0 : entry_at(i - 1)},
                                .file = Address{file_at(i)},
                                .size = kFileSize});
    }
    put(kBase, JitDescriptor{.version = 1, .first_entry = Address{entry_at(0)}});
  }

  static std::uint64_t entry_at(std::size_t i) { return kEntries + i * sizeof(JitEntry); }
  static std::uint64_t file_at(std::size_t i) { return kFirstFile + i * kFileSize; }

  template <typename T>
  void put(std::uint64_t at, const T& value) {
    std::memcpy(bytes_.data() + (at - kBase), &value, sizeof(value));
  }
  template <typename T>
  T get(std::uint64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + (at - kBase), sizeof(value));
    return value;
  }
  SpanMemory memory() const { return {Address{kBase}, bytes_.data(), bytes_.size()}; }

  // "name: CFA rsp + n", as far as it is told.
  std::string ask(std::uint64_t at) const {
    const SpanMemory all = memory();
    const auto code = find_jit_code(all, Address{kBase}, Address{at});
    if (!code) return "nothing";
    if (!is_still_registered(all, Address{kBase}, *code)) return "gone";
    char name[16];
    const bool is_named = jit_name_of(all, *code, Address{at}, name);
    const auto rule = jit_rule_of(all, *code, Address{at});
    return (is_named ? std::string(name) : "unnamed") + ": " +
           (rule ? "CFA rsp + " + std::to_string(rule->cfa_offset) : "no rule");
  }

 private:
  static constexpr std::uint64_t kFrames = 0x200, kSymbols = 0x300, kNames = 0x400,
                                 kHeaders = 0x600;
  static constexpr char kSectionNames[] = "\0.text\0.eh_frame\0.symtab\0.strtab";

  void put_file(std::uint64_t file, const Function& function) {
    elf::FileHeader header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = function.type;
    header.e_machine = EM_X86_64;
    header.e_shentsize = sizeof(elf::SectionHeader);
    header.e_shoff = kHeaders;
    header.e_shnum = 6;
    header.e_shstrndx = 4;
    put(file, header);

    std::vector<std::uint8_t> frames{0x14, 0,    0,    0, 0,    0,    0, 0, 1,    'z', 'R', 0,
                                     1,    0x78, 0x10, 1, 0x1B, 0x0C, 7, 8, 0x90, 1,   0,   0};
    const auto put32 = [&](std::uint64_t value) {
      for (int i = 0; i < 4; ++i) frames.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    put32(0x10);
    put32(frames.size());
    put32(function.code - (kFramesPlace + frames.size()));
    put32(function.covered == 0 ? function.size : function.covered);
    for (const unsigned b : {0u, 0x0Eu, 8u + function.pushed, 0u})
      frames.push_back(static_cast<std::uint8_t>(b));
    put32(0);
    std::memcpy(bytes_.data() + (file - kBase) + kFrames, frames.data(), frames.size());

    std::string names(kSectionNames, sizeof(kSectionNames));
    const std::size_t name = names.size();
    names += function.name + '\0';
    std::memcpy(bytes_.data() + (file - kBase) + kNames, names.data(), names.size());

    elf::Symbol symbol{};
    symbol.st_name = static_cast<std::uint32_t>(name);
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = 1;
    symbol.st_value = function.type == ET_REL ? 0 : function.code;
    symbol.st_size = function.size;
    put(file + kSymbols + sizeof(symbol), symbol);

    const auto section = [&](unsigned index, std::uint32_t type, std::uint32_t text,
                             std::uint64_t flags, std::uint64_t at, std::uint64_t offset,
                             std::uint64_t size, std::uint32_t link, std::uint32_t about) {
      elf::SectionHeader made{};
      made.sh_name = text;
      made.sh_type = type;
      made.sh_flags = flags;
      made.sh_addr = at;
      made.sh_offset = offset;
      made.sh_size = size;
      made.sh_link = link;
      made.sh_info = about;
      put(file + kHeaders + index * sizeof(made), made);
    };
    section(1, SHT_NOBITS, 1, SHF_ALLOC | SHF_EXECINSTR, function.code, 0, function.size, 0, 0);
    section(2, SHT_PROGBITS, 7, SHF_ALLOC, kFramesPlace, kFrames, frames.size(), 0, 0);
    section(3, SHT_SYMTAB, 17, 0, 0, kSymbols, 2 * sizeof(elf::Symbol), 4, 0);
    section(4, SHT_STRTAB, 25, 0, 0, kNames, names.size(), 0, 0);
    section(5, SHT_RELA, 0, 0, 0, kSymbols, function.wants_relocation ? 24 : 0, 3, 2);
  }

  std::vector<std::byte> bytes_;
};

TEST(JitCode, EachFileHasTheCodeThatItsSectionsSay) {
  const Process process({{.code = 0x7000, .size = 0x40, .name = "add_two", .pushed = 16},
                         {.code = 0x8000, .size = 0x10, .name = "main", .type = ET_EXEC}});
  EXPECT_EQ(process.ask(0x6fff), "nothing");
  EXPECT_EQ(process.ask(0x7000), "add_two: CFA rsp + 24");
  EXPECT_EQ(process.ask(0x703f), "add_two: CFA rsp + 24");
  EXPECT_EQ(process.ask(0x7040), "nothing");
  EXPECT_EQ(process.ask(0x8008), "main: CFA rsp + 8");
}

TEST(JitCode, ALongNameIsCut) {
  const Process process({{.code = 0x7000, .size = 8, .name = "a_name_of_25_characters_x"}});
  EXPECT_EQ(process.ask(0x7000), "a_name_of_25_ch: CFA rsp + 8");
}

TEST(JitCode, FramesThatWantRelocationAreReadFromTheirPlaceOnly) {
  const Process process({{.code = 0x7000, .size = 8, .name = "f", .wants_relocation = true}});
  EXPECT_EQ(process.ask(0x7000), "f: no rule");
}

TEST(JitCode, ARecordThatLeavesTheSectionIsNotBelieved) {
  const Process process({{.code = 0x7000, .size = 0x10, .name = "f", .covered = 0x11}});
  EXPECT_EQ(process.ask(0x7000), "f: no rule");
}

TEST(JitCode, WhatTwoEntriesClaimIsNobodys) {
  const Process process({{.code = 0x7000, .size = 0x40, .name = "old"},
                         {.code = 0x7020, .size = 0x40, .name = "new"}});
  EXPECT_EQ(process.ask(0x7010), "old: CFA rsp + 8");
  EXPECT_EQ(process.ask(0x7030), "nothing");
}

TEST(JitCode, AListThatDoesNotEndIsNotBelieved) {
  Process process(
      {{.code = 0x7000, .size = 8, .name = "a"}, {.code = 0x8000, .size = 8, .name = "b"}});
  const auto last = process.get<JitEntry>(Process::entry_at(1));
  for (const std::uint64_t next :
       {Process::entry_at(0), Process::entry_at(1), std::uint64_t{8}, ~std::uint64_t{7}}) {
    auto changed = last;
    changed.next = Address{next};
    process.put(Process::entry_at(1), changed);
    EXPECT_EQ(process.ask(0x7000), "nothing") << next;
    EXPECT_EQ(process.ask(0x8000), "nothing") << next;
  }
  process.put(Process::entry_at(1), last);
  EXPECT_EQ(process.ask(0x8000), "b: CFA rsp + 8");
  process.put(kBase, JitDescriptor{.version = 2, .first_entry = Address{Process::entry_at(0)}});
  EXPECT_EQ(process.ask(0x8000), "nothing");
}

TEST(JitCode, AnEntryThatWasTakenBackIsNoLongerRegistered) {
  Process process(
      {{.code = 0x7000, .size = 8, .name = "a"}, {.code = 0x8000, .size = 8, .name = "b"}});
  const auto code = find_jit_code(process.memory(), Address{kBase}, Address{0x8000});
  ASSERT_TRUE(code);
  EXPECT_TRUE(is_still_registered(process.memory(), Address{kBase}, *code));
  auto first = process.get<JitEntry>(Process::entry_at(0));
  first.next = Address{0};
  process.put(Process::entry_at(0), first);
  EXPECT_FALSE(is_still_registered(process.memory(), Address{kBase}, *code));
}

TEST(JitCode, NoSingleDamagedByteLeadsOutOfMemoryOrToAnotherFunctionsCode) {
  const Process whole({{.code = 0x7000, .size = 8, .name = "a", .pushed = 16}});
  for (std::uint64_t at = kBase; at < kFirstFile + kFileSize; ++at) {
    for (const int value : {0x00, 0x7F, 0xFF}) {
      Process damaged = whole;
      damaged.put(at, static_cast<std::uint8_t>(value));
      EXPECT_EQ(damaged.ask(0x9000).substr(0, 4) == "a: C", false) << at << ' ' << value;
      (void)damaged.ask(0x7004);
    }
  }
}

}  // namespace
}  // namespace allocs::runt
