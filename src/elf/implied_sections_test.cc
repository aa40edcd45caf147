// SPDX-License-Identifier: Apache-2.0
#include "elf/implied_sections.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "elf/file_bytes_test.h"
#include "elf/file_references.h"

namespace allocs::elf {
namespace {

// A library without section headers: all of it is one segment at 0x10000, so that a place in the file is an address less that.
class Stripped {
 public:
  static constexpr std::uint64_t kBase = 0x10000, kDynamic = 400;

  explicit Stripped(std::size_t size = 4000, std::uint16_t type = ET_DYN)
      : bytes_(bytes_with_header(size, type)) {
    put(offsetof(FileHeader, e_phoff), Elf64_Off{sizeof(FileHeader)});
    if (type == ET_DYN) segment(PT_LOAD, 0, size);
  }
  template <typename T>
  Stripped& put(std::size_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  template <typename T>
  Stripped& put_all(std::size_t at, std::vector<T> values) {
    std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(T));
    return *this;
  }
  Stripped& segment(std::uint32_t type, FileBytes at, std::uint64_t size, std::uint32_t flags = 0,
                    std::uint64_t alignment = 4) {
    ProgramHeader segment{};
    segment.p_type = type;
    segment.p_offset = at;
    segment.p_vaddr = kBase + at;
    segment.p_filesz = segment.p_memsz = size;
    segment.p_flags = flags;
    segment.p_align = alignment;
    const Elf64_Half before = segments_++;
    put(offsetof(FileHeader, e_phnum), segments_);
    return put(sizeof(FileHeader) + before * sizeof segment, segment);
  }
  // An entry of the dynamic section; places in the file become addresses.
  Stripped& dynamic(Elf64_Sxword tag, FileBytes at) { return entry(tag, kBase + at); }
  Stripped& entry(Elf64_Sxword tag, std::uint64_t value) {
    DynamicEntry made{};
    made.d_tag = tag;
    made.d_un.d_val = value;
    put(kDynamic + entries_ * sizeof made, made);
    ++entries_;
    return *this;
  }
  Stripped& end() { return segment(PT_DYNAMIC, kDynamic, (entries_ + 1) * sizeof(DynamicEntry)); }

  // "name begin+size", by their places.
  std::string parts() { return parts(bytes_.size()); }
  std::string parts(std::size_t size) {
    const auto file = open(size);
    std::vector<FilePart> parts(most_parts(*file));
    parts.resize(list_parts(*file, parts.data()));
    std::string text;
    for (const FilePart& part : parts) {
      const auto* const implied = file->implied_section(part.section);
      if (part.kind < PartKind::section) continue;
      text += std::string(implied->name) + " " + std::to_string(part.begin) + "+" +
              std::to_string(part.end - part.begin) + "; ";
    }
    return text;
  }
  std::optional<FileView> open() { return open(bytes_.size()); }
  std::optional<FileView> open(std::size_t size) {
    auto file = FileView::open(bytes_.data(), size);
    EXPECT_TRUE(lacks_sections(*file));
    implied_.assign(most_implied_sections(*file), {});
    implied_.resize(list_implied_sections(*file, implied_.data()));
    file->use_implied(implied_.data(), implied_.size());
    return file;
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<ImpliedSection> implied_;
  Elf64_Half segments_ = 0;
  std::size_t entries_ = 0;
};

Elf64_Rela relocation(std::uint64_t symbol) {
  return {Stripped::kBase + 3000, ELF64_R_INFO(symbol, R_X86_64_64), 0};
}

TEST(ImpliedSections, OfSegmentsAreNamedAfterThem) {
  Stripped file(4000, ET_EXEC);
  file.segment(PT_INTERP, 1000, 28).segment(PT_NOTE, 1100, 64, 0, 8).segment(PT_LOAD, 1000, 500);
  file.segment(PT_LOAD, 2000, 500, PF_X).segment(PT_LOAD, 3000, 2000).segment(PT_TLS, 1200, 0);
  EXPECT_EQ(file.parts(), "PT_INTERP 1000+28; PT_NOTE 1100+64; PT_LOAD 2000+500; ")
      << "a segment in which something is told is no part, nor what is not wholly in the file";
  EXPECT_EQ(file.open()->section_header(2)->sh_addralign, 8u);
}

TEST(ImpliedSections, OfACoreAreItsNotesAndItsMemory) {
  Stripped file(4000, ET_CORE);
  file.segment(PT_NOTE, 500, 300).segment(PT_LOAD, 1000, 1000, PF_X).segment(PT_LOAD, 2000, 0);
  file.segment(PT_LOAD, 2000, 1500);
  EXPECT_EQ(file.parts(), "PT_NOTE 500+300; PT_LOAD 1000+1000; PT_LOAD 2000+1500; ");
  EXPECT_EQ(file.open()->section_header(2)->sh_flags & SHF_EXECINSTR, 0u);
}

TEST(ImpliedSections, OfTheDynamicSectionAreNamedAfterItsTags) {
  Stripped file;
  file.dynamic(DT_STRTAB, 1000).entry(DT_STRSZ, 50).dynamic(DT_SYMTAB, 1100).dynamic(DT_HASH, 1300);
  file.dynamic(DT_RELA, 1400).entry(DT_RELASZ, 48).dynamic(DT_JMPREL, 1500).entry(DT_PLTRELSZ, 24);
  file.entry(DT_PLTREL, DT_RELA).dynamic(DT_INIT_ARRAY, 1600).entry(DT_INIT_ARRAYSZ, 16);
  file.dynamic(DT_VERSYM, 1700).end();
  file.put_all<std::uint32_t>(1300, {1, 3});
  EXPECT_EQ(file.parts(),
            "PT_DYNAMIC 400+208; DT_STRTAB 1000+50; DT_SYMTAB 1100+72; DT_HASH 1300+24; "
            "DT_RELA 1400+48; DT_JMPREL 1500+24; DT_INIT_ARRAY 1600+16; DT_VERSYM 1700+6; ");
}

TEST(ImpliedSections, GnusHashTableTellsTheLastSymbolThatIsFoundByName) {
  Stripped file;
  file.dynamic(DT_SYMTAB, 1100).dynamic(DT_GNU_HASH, 1500).end();
  // Two buckets, symbols from 3 on, a filter of one word; the last bucket's chain begins at 4, and has two.
  file.put_all<std::uint32_t>(1500, {2, 3, 1, 6, 0, 0, 3, 4, 1, 0, 1});
  EXPECT_EQ(file.parts(), "PT_DYNAMIC 400+48; DT_SYMTAB 1100+144; DT_GNU_HASH 1500+44; ");
  EXPECT_EQ(file.parts(1540), "PT_DYNAMIC 400+48; ") << "cut off";
  file.put_all<std::uint32_t>(1500, {2, 5});
  EXPECT_EQ(file.parts(), "PT_DYNAMIC 400+48; ") << "a bucket before the first symbol";
}

TEST(ImpliedSections, SymbolsThatAreOnlyWantedAreCountedByWhatRefersToThem) {
  Stripped file;
  file.dynamic(DT_SYMTAB, 1100).dynamic(DT_GNU_HASH, 1500).dynamic(DT_RELA, 1600);
  file.entry(DT_RELASZ, 2 * sizeof(Elf64_Rela)).end();
  file.put_all<std::uint32_t>(1500, {1, 1, 1, 0, 0, 0, 0});  // GNU's linker for none
  file.put_all<Elf64_Rela>(1600, {relocation(4), relocation(2)});
  EXPECT_EQ(file.parts(),
            "PT_DYNAMIC 400+80; DT_SYMTAB 1100+120; DT_GNU_HASH 1500+28; DT_RELA 1600+48; ");
}

TEST(ImpliedSections, ListsOfVersionsEndWhereTheirLastEntryDoes) {
  Stripped file;
  file.dynamic(DT_VERNEED, 1000).entry(DT_VERNEEDNUM, 2).dynamic(DT_VERDEF, 1200);
  file.entry(DT_VERDEFNUM, 1).end();
  Elf64_Verneed needed{};
  needed.vn_cnt = 2;
  needed.vn_aux = 16;
  needed.vn_next = 48;
  Elf64_Vernaux name{};
  name.vna_next = 16;
  file.put(1000, needed).put(1016, name);
  needed.vn_cnt = 1;
  needed.vn_next = 0;
  file.put(1048, needed);
  Elf64_Verdef defined{};
  defined.vd_cnt = 1;
  defined.vd_aux = 20;
  file.put(1200, defined);
  EXPECT_EQ(file.parts(), "PT_DYNAMIC 400+80; DT_VERNEED 1000+80; DT_VERDEF 1200+28; ");
  // Lists that lead nowhere, or back into each other.
  needed.vn_cnt = 0xffff;
  needed.vn_next = 1;
  for (std::size_t i = 0; i < 2000; ++i) file.put(1000 + i, needed);
  file.parts();
}

TEST(ImpliedSections, WhatDoesNotFitIsNotThere) {
  Stripped file;
  file.dynamic(DT_STRTAB, 3990).entry(DT_STRSZ, 11).dynamic(DT_SYMTAB, 3900).dynamic(DT_HASH, 1300);
  file.entry(DT_RELA, 3).entry(DT_RELASZ, ~std::uint64_t{0}).dynamic(DT_RELR, 5000);
  file.entry(DT_RELRSZ, 8).dynamic(DT_INIT_ARRAY, 1600).entry(DT_INIT_ARRAYSZ, ~std::uint64_t{7});
  file.end().put_all<std::uint32_t>(1300, {0xffffffff, 0xffffffff});
  EXPECT_EQ(file.parts(), "PT_DYNAMIC 400+176; ");
  file.put_all<std::uint32_t>(1300, {1, 5});
  EXPECT_EQ(file.parts(), "PT_DYNAMIC 400+176; DT_HASH 1300+32; ");
}

TEST(ImpliedSections, ReferencesLeadFromOneToAnother) {
  Stripped file;
  file.dynamic(DT_STRTAB, 1000).entry(DT_STRSZ, 50).dynamic(DT_SYMTAB, 1100).dynamic(DT_HASH, 1300);
  file.dynamic(DT_RELA, 1400).entry(DT_RELASZ, 24).entry(DT_NEEDED, 5).end();
  file.put_all<std::uint32_t>(1300, {1, 3})
      .put_all<char>(1000, {0, 'o', 'n', 'e', 0, 'l', 'i', 'b', 0});
  Symbol symbol{};
  symbol.st_name = 1;
  symbol.st_shndx = 7;
  symbol.st_value = Stripped::kBase + 3000;
  symbol.st_size = 8;
  file.put(1100 + sizeof symbol, symbol).put(1400, relocation(1));
  const auto view = file.open();
  const auto section_at = [&](FileBytes at) {
    std::vector<FilePart> parts(most_parts(*view));
    const std::size_t count = list_parts(*view, parts.data());
    return find_part(parts.data(), count, at, false)->section;
  };
  const auto target = [&](Structure structure, std::size_t offset, FileBytes at) -> std::string {
    const auto found =
        target_of(*view, {structure, static_cast<std::uint32_t>(offset), at, section_at(at)});
    return found ? std::to_string(found->at) + "+" + std::to_string(found->size) : "nothing";
  };
  const FileBytes named = 1100 + sizeof symbol, needed = 400 + 6 * sizeof(DynamicEntry);
  EXPECT_EQ(target(Structure::symbol, offsetof(Symbol, st_name), named), "1001+4");
  EXPECT_EQ(target(Structure::symbol, offsetof(Symbol, st_value), named), "3000+8");
  EXPECT_EQ(target(Structure::symbol, offsetof(Symbol, st_shndx), named), "nothing")
      << "there is no header of it";
  EXPECT_EQ(target(Structure::relocation, offsetof(Elf64_Rela, r_info), 1400), "1124+24");
  EXPECT_EQ(target(Structure::relocation, offsetof(Elf64_Rela, r_offset), 1400), "3000+0");
  EXPECT_EQ(target(Structure::dynamic_entry, offsetof(DynamicEntry, d_un), needed), "1005+4");
  EXPECT_EQ(target(Structure::dynamic_entry, offsetof(DynamicEntry, d_un), 400), "1000+0");
}

}  // namespace
}  // namespace allocs::elf
