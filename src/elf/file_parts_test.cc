// SPDX-License-Identifier: Apache-2.0
#include "elf/file_parts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "elf/file_bytes_test.h"
#include "elf/file_references.h"

namespace allocs::elf {
namespace {

// A file whose parts are put where the test says.
class FileBuilder {
 public:
  explicit FileBuilder(std::size_t size, std::uint16_t type = ET_DYN)
      : bytes_(bytes_with_header(size, type)) {}
  template <typename T>
  FileBuilder& put(std::size_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  template <typename T, typename Field>
  FileBuilder& set(std::size_t at, Field T::*field, Field value) {
    T structure;
    std::memcpy(&structure, bytes_.data() + at, sizeof structure);
    structure.*field = value;
    return put(at, structure);
  }
  FileBuilder& text(std::size_t at, std::string_view text) {
    std::memcpy(bytes_.data() + at, text.data(), text.size());
    return *this;
  }
  FileBuilder& segments(std::size_t at, std::vector<ProgramHeader> headers) {
    set(0, &FileHeader::e_phoff, Elf64_Off{at});
    set(0, &FileHeader::e_phnum, static_cast<Elf64_Half>(headers.size()));
    for (std::size_t i = 0; i < headers.size(); ++i) put(at + i * sizeof headers[i], headers[i]);
    return *this;
  }
  FileBuilder& sections(std::size_t at, std::vector<SectionHeader> headers) {
    set(0, &FileHeader::e_shoff, Elf64_Off{at});
    set(0, &FileHeader::e_shnum, static_cast<Elf64_Half>(headers.size()));
    for (std::size_t i = 0; i < headers.size(); ++i) put(at + i * sizeof headers[i], headers[i]);
    return *this;
  }
  void copy_to(std::vector<std::byte>& bytes) const { bytes = bytes_; }
  std::optional<FileView> open() const { return FileView::open(bytes_.data(), bytes_.size()); }
  std::optional<FileView> open(std::size_t size) const {
    return FileView::open(bytes_.data(), size);
  }

 private:
  std::vector<std::byte> bytes_;
};

SectionHeader section(std::uint32_t type, FileBytes at, std::uint64_t size) {
  SectionHeader header{};
  header.sh_type = type;
  header.sh_offset = at;
  header.sh_size = size;
  return header;
}

std::string parts_of(const FileView& file) {
  std::vector<FilePart> parts(most_parts(file));
  parts.resize(list_parts(file, parts.data()));
  std::string text;
  for (const FilePart& part : parts) {
    constexpr const char* kKinds[] = {"header", "segments", "sections", "#"};
    text += std::to_string(part.begin) + "-" + std::to_string(part.end) + " " +
            kKinds[static_cast<int>(part.kind)];
    if (part.kind == PartKind::section) text += std::to_string(part.section);
    text += "; ";
  }
  return text;
}

TEST(FileParts, AreInOrderOfTheirPlaces) {
  FileBuilder file(1000);
  file.segments(64, {ProgramHeader{}})
      .sections(600, {section(SHT_NULL, 0, 0), section(SHT_PROGBITS, 400, 100),
                      section(SHT_PROGBITS, 200, 10), section(SHT_NOBITS, 210, 5000),
                      section(SHT_PROGBITS, 210, 0)});
  EXPECT_EQ(parts_of(*file.open()),
            "0-64 header; 64-120 segments; 200-210 #2; 400-500 #1; 600-920 sections; ");
}

TEST(FileParts, HeadersAreBelievedBeforeSectionsAndTheFirstBeforeTheNext) {
  FileBuilder file(2000);
  file.sections(600, {section(SHT_NULL, 0, 0), section(SHT_PROGBITS, 300, 100),
                      section(SHT_PROGBITS, 350, 100), section(SHT_PROGBITS, 300, 20),
                      section(SHT_PROGBITS, 590, 50), section(SHT_PROGBITS, 10, 10),
                      section(SHT_PROGBITS, 1990, 10), section(SHT_PROGBITS, 1989, 2)});
  EXPECT_EQ(parts_of(*file.open()), "0-64 header; 300-400 #1; 600-1112 sections; 1989-1991 #7; ");
}

TEST(FileParts, OnlyWhatFitsIsThere) {
  FileBuilder file(1000);
  file.sections(600, {section(SHT_NULL, 0, 0), section(SHT_PROGBITS, 900, 100),
                      section(SHT_PROGBITS, 900, ~std::uint64_t{0}),
                      section(SHT_PROGBITS, ~std::uint64_t{0}, 10)});
  EXPECT_EQ(parts_of(*file.open()), "0-64 header; 600-856 sections; 900-1000 #1; ");
  EXPECT_EQ(parts_of(*file.open(999)), "0-64 header; 600-856 sections; ");
  EXPECT_EQ(parts_of(*file.open(855)), "0-64 header; ");
  EXPECT_FALSE(file.open(63));
  file.set(0, &FileHeader::e_shentsize, Elf64_Half{40});
  EXPECT_EQ(parts_of(*file.open()), "0-64 header; ") << "headers of another size";
}

TEST(FileParts, LargeNumbersAreInTheFirstSectionHeader) {
  FileBuilder file(1000);
  SectionHeader first = section(SHT_NULL, 0, 3);
  first.sh_link = 2;
  file.sections(600, {first, section(SHT_PROGBITS, 200, 4), section(SHT_STRTAB, 300, 4)});
  file.set(0, &FileHeader::e_shnum, Elf64_Half{0});
  file.set(0, &FileHeader::e_shstrndx, Elf64_Half{SHN_XINDEX});
  const auto view = file.open();
  EXPECT_EQ(view->section_headers(), 3u);
  EXPECT_EQ(view->section_names(), 2u);
}

// ---- what fields refer to ----

// A library with one segment at address 0x5000, strings, symbols and a relocation.
FileBuilder library() {
  FileBuilder file(2000);
  ProgramHeader segment{};
  segment.p_type = PT_LOAD;
  segment.p_offset = 400;
  segment.p_vaddr = 0x5000;
  segment.p_filesz = 100;
  segment.p_memsz = 300;
  SectionHeader symbols = section(SHT_DYNSYM, 600, 3 * sizeof(Symbol));
  symbols.sh_link = 1;
  symbols.sh_entsize = sizeof(Symbol);
  SectionHeader relocations = section(SHT_RELA, 800, sizeof(Elf64_Rela));
  relocations.sh_link = 2;
  file.segments(64, {segment})
      .sections(1000, {section(SHT_NULL, 0, 0), section(SHT_STRTAB, 500, 10), symbols, relocations})
      .text(500, std::string_view("\0one\0two\0x", 10));
  Symbol symbol{};
  symbol.st_name = 5;
  symbol.st_shndx = 1;
  symbol.st_value = 0x5010;
  symbol.st_size = 8;
  file.put(600 + sizeof(Symbol), symbol);
  symbol.st_name = 9;
  symbol.st_value = 0x5064;
  symbol.st_shndx = 77;
  file.put(600 + 2 * sizeof(Symbol), symbol);
  return file.put(800, Elf64_Rela{0x5020, ELF64_R_INFO(2ull, R_X86_64_64), 0});
}

std::string target(const FileBuilder& builder, Structure structure, std::size_t offset,
                   FileBytes at, std::uint32_t in, std::uint32_t indices = 0) {
  auto file = builder.open();
  file->set_lacks_contents(find_lack_of_contents(*file));
  const Field field{structure, static_cast<std::uint32_t>(offset), at, in, indices};
  constexpr const char* kLanguages[] = {"none", "offset", "address", "string", "section", "symbol"};
  std::string text = kLanguages[static_cast<int>(language_of(*file, field))];
  const auto found = target_of(*file, field);
  return !found ? text : text + " " + std::to_string(found->at) + "+" + std::to_string(found->size);
}

TEST(FileReferences, SpeakTheLanguageOfTheirField) {
  const FileBuilder file = library();
  const FileBytes first = 600 + sizeof(Symbol), second = first + sizeof(Symbol);
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_name), first, 2), "string 505+4");
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), first, 2), "address 416+8");
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_shndx), first, 2),
            "section 1064+64");
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_size), first, 2), "none");
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_info), 800, 3),
            "symbol 648+24");
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_offset), 800, 3),
            "address 432+0");
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_addend), 800, 3), "none");
  EXPECT_EQ(target(file, Structure::file_header, offsetof(FileHeader, e_shoff), 0, 0),
            "offset 1000+256");
  EXPECT_EQ(target(file, Structure::program_header, offsetof(ProgramHeader, p_vaddr), 64, 0),
            "address 400+100");
  // Beyond what is there: text without an end, the part of a segment that is no bytes of the file, a section that there is not.
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_name), second, 2), "string");
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), second, 2), "address");
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_shndx), second, 2), "section");
}

TEST(FileReferences, OfObjectFilesCountFromSections) {
  FileBuilder file = library();
  file.set(0, &FileHeader::e_type, Elf64_Half{ET_REL});
  const FileBytes symbol = 600 + sizeof(Symbol);
  file.set(symbol, &Symbol::st_value, Elf64_Addr{2});
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), symbol, 2),
            "address 502+8");
  file.set(symbol, &Symbol::st_size, Elf64_Xword{9});
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), symbol, 2), "address");
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_offset), 800, 3), "none");
  file.set(1000 + 3 * sizeof(SectionHeader), &SectionHeader::sh_info, Elf64_Word{1});
  file.set(800, &Elf64_Rela::r_offset, Elf64_Addr{4});
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_offset), 800, 3),
            "address 504+0");
}

TEST(FileReferences, IndicesThatAreTooLargeForTheirFieldAreInATableOfTheirOwn) {
  FileBuilder file = library();
  const FileBytes first = 600 + sizeof(Symbol);
  SectionHeader indices = section(SHT_SYMTAB_SHNDX, 900, 2 * sizeof(std::uint32_t));
  file.put(1000 + 3 * sizeof(SectionHeader), indices)
      .put(900 + sizeof(std::uint32_t), std::uint32_t{2})
      .set(first, &Symbol::st_shndx, Elf64_Half{SHN_XINDEX});
  const auto of = [&](std::size_t offset, FileBytes at, std::uint32_t table) {
    return target(file, Structure::symbol, offset, at, 2, table);
  };
  EXPECT_EQ(of(offsetof(Symbol, st_shndx), first, 3), "section 1128+64");
  EXPECT_EQ(of(offsetof(Symbol, st_value), first, 3), "address 416+8");
  EXPECT_EQ(of(offsetof(Symbol, st_shndx), first, 0), "section") << "no table";
  EXPECT_EQ(of(offsetof(Symbol, st_shndx), first, 1), "section") << "no such table";
  file.set(first + sizeof(Symbol), &Symbol::st_shndx, Elf64_Half{SHN_XINDEX});
  EXPECT_EQ(of(offsetof(Symbol, st_shndx), first + sizeof(Symbol), 3), "section") << "too short";
  file.set(0, &FileHeader::e_type, Elf64_Half{ET_REL});
  file.set(first, &Symbol::st_value, Elf64_Addr{24});
  EXPECT_EQ(of(offsetof(Symbol, st_value), first, 3), "address 624+8") << "in that section";
  file.put(900 + sizeof(std::uint32_t), std::uint32_t{0x7FFFFFFF});
  EXPECT_EQ(of(offsetof(Symbol, st_shndx), first, 3), "section");
  EXPECT_EQ(of(offsetof(Symbol, st_value), first, 3), "address");
}

TEST(FileReferences, OfAFileWithoutItsProgramLeadToNothingThatItLacks) {
  FileBuilder file = library();
  const FileBytes first = 600 + sizeof(Symbol);
  SectionHeader text = section(SHT_NOBITS, 400, 0x20);
  text.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  text.sh_addr = 0x5000;
  file.put(1000 + 3 * sizeof(SectionHeader), text);
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), first, 2), "address");
  EXPECT_EQ(target(file, Structure::program_header, offsetof(ProgramHeader, p_offset), 64, 0),
            "none");
  file.set(first, &Symbol::st_value, Elf64_Addr{0x5020});
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), first, 2), "address 432+8")
      << "behind it";
  text.sh_flags = SHF_ALLOC | SHF_WRITE;  // .bss
  file.put(1000 + 3 * sizeof(SectionHeader), text)
      .set(first, &Symbol::st_value, Elf64_Addr{0x5010});
  EXPECT_EQ(target(file, Structure::symbol, offsetof(Symbol, st_value), first, 2), "address 416+8");
}

TEST(FileReferences, OfMipsHaveTheSymbolInFront) {
  FileBuilder file = library();
  file.set(0, &FileHeader::e_machine, Elf64_Half{EM_MIPS});
  file.put(800, Elf64_Rela{0x5020, std::uint64_t{3} << 56 | 1, 0});
  EXPECT_EQ(target(file, Structure::relocation, offsetof(Elf64_Rela, r_info), 800, 3),
            "symbol 624+24");
}

TEST(FileReferences, DynamicEntriesNameOrPointByTheirTag) {
  FileBuilder file = library();
  DynamicEntry entry{};
  entry.d_tag = DT_NEEDED;
  entry.d_un.d_val = 1;
  file.put(800, entry);
  // The section at 800 is linked to symbols, not to strings.
  EXPECT_EQ(target(file, Structure::dynamic_entry, offsetof(DynamicEntry, d_un), 800, 3), "string");
  file.set(1000 + 3 * sizeof(SectionHeader), &SectionHeader::sh_link, Elf64_Word{1});
  EXPECT_EQ(target(file, Structure::dynamic_entry, offsetof(DynamicEntry, d_un), 800, 3),
            "string 501+4");
  entry.d_tag = DT_STRTAB;
  entry.d_un.d_ptr = 0x5001;
  EXPECT_EQ(
      target(file.put(800, entry), Structure::dynamic_entry, offsetof(DynamicEntry, d_un), 800, 3),
      "address 401+0");
  entry.d_tag = DT_STRSZ;
  EXPECT_EQ(
      target(file.put(800, entry), Structure::dynamic_entry, offsetof(DynamicEntry, d_un), 800, 3),
      "none");
}

// ---- other forms ----

// The bytes of a structure as a file of that form has it.
template <typename T>
void put_in(FileForm form, std::vector<std::byte>& bytes, std::size_t at, const T& value) {
  for (const FieldPlaces& field : Layout<T>::kFields) {
    const std::size_t size = form.is_32 ? field.size_32 : field.size_64;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t place = form.is_big_endian ? size - 1 - i : i;
      bytes[at + (form.is_32 ? field.at_32 : field.at_64) + place] =
          reinterpret_cast<const std::byte*>(&value)[field.at_64 + i];
    }
  }
}

// The library of above, in another form, with everything at the same places.
struct LibraryOf {
  explicit LibraryOf(FileForm its) : form(its), bytes(2000) {
    library().copy_to(bytes);
    const std::vector<std::byte> from = bytes;
    const auto take = [&]<typename T>(T value, std::size_t at, std::size_t to) {
      std::memcpy(&value, from.data() + at, sizeof value);
      put_in(form, bytes, to, value);
      return value;
    };
    const auto size_of = [&]<typename T>(T) { return size_in<T>(form); };
    std::fill(bytes.begin() + EI_NIDENT, bytes.end(), std::byte{0});
    bytes[EI_CLASS] = std::byte(form.is_32 ? ELFCLASS32 : ELFCLASS64);
    bytes[EI_DATA] = std::byte(form.is_big_endian ? ELFDATA2MSB : ELFDATA2LSB);
    std::copy(from.begin() + 500, from.begin() + 510, bytes.begin() + 500);
    FileHeader header = take(FileHeader{}, 0, 0);
    header.e_phentsize = static_cast<Elf64_Half>(size_of(ProgramHeader{}));
    header.e_shentsize = static_cast<Elf64_Half>(size_of(SectionHeader{}));
    put_in(form, bytes, 0, header);
    take(ProgramHeader{}, 64, 64);
    for (std::size_t i = 0; i < 4; ++i) {
      SectionHeader section{};
      std::memcpy(&section, from.data() + 1000 + i * sizeof section, sizeof section);
      if (i == 2) section.sh_size = 3 * size_of(Symbol{}), section.sh_entsize = size_of(Symbol{});
      if (i == 3) section.sh_size = size_of(Elf64_Rela{});
      put_in(form, bytes, 1000 + i * size_of(section), section);
      if (i != 0 && i != 3) take(Symbol{}, 600 + i * sizeof(Symbol), 600 + i * size_of(Symbol{}));
    }
    Elf64_Rela relocation{};
    std::memcpy(&relocation, from.data() + 800, sizeof relocation);
    relocation.r_addend = -3;
    if (form.is_32) relocation.r_info = 2 << 8 | R_386_32;
    put_in(form, bytes, 800, relocation);
  }
  // What the field is in the 64-bit class.
  template <typename T>
  std::string of(Structure structure, std::size_t field, FileBytes at, std::uint32_t in) const {
    const auto file = FileView::open(bytes.data(), bytes.size());
    std::size_t offset = field;
    for (const FieldPlaces& each : Layout<T>::kFields)
      if (form.is_32 && each.at_64 == field) offset = each.at_32;
    const Field place{structure, static_cast<std::uint32_t>(offset), at, in};
    const auto found = target_of(*file, place);
    return !found ? "nowhere" : std::to_string(found->at) + "+" + std::to_string(found->size);
  }
  FileForm form;
  std::vector<std::byte> bytes;
};

TEST(FileForms, AllFourAreReadAsOne) {
  for (const FileForm form :
       {FileForm{}, FileForm{true, false}, FileForm{false, true}, FileForm{true, true}}) {
    const LibraryOf library(form);
    const auto file = FileView::open(library.bytes.data(), library.bytes.size());
    ASSERT_TRUE(file);
    EXPECT_EQ(file->form(), form);
    EXPECT_EQ(file->header().e_type, ET_DYN);
    EXPECT_EQ(file->section_headers(), 4u);
    EXPECT_EQ(parts_of(*file), form.is_32 ? "0-52 header; 64-96 segments; 500-510 #1; 600-648 #2; "
                                            "800-812 #3; 1000-1160 sections; "
                                          : "0-64 header; 64-120 segments; 500-510 #1; 600-672 #2; "
                                            "800-824 #3; 1000-1256 sections; ");
    EXPECT_EQ(file->read<Elf64_Rela>(800)->r_addend, -3);
    const std::size_t symbol = file->size_of<Symbol>();
    EXPECT_EQ(library.of<Symbol>(Structure::symbol, offsetof(Symbol, st_name), 600 + symbol, 2),
              "505+4");
    EXPECT_EQ(library.of<Symbol>(Structure::symbol, offsetof(Symbol, st_value), 600 + symbol, 2),
              "416+8");
    EXPECT_EQ(library.of<Symbol>(Structure::symbol, offsetof(Symbol, st_size), 600 + symbol, 2),
              "nowhere");
    EXPECT_EQ(library.of<Elf64_Rela>(Structure::relocation, offsetof(Elf64_Rela, r_info), 800, 3),
              std::to_string(600 + 2 * symbol) + "+" + std::to_string(symbol));
    EXPECT_EQ(library.of<Elf64_Rela>(Structure::relocation, offsetof(Elf64_Rela, r_offset), 800, 3),
              "432+0");
    EXPECT_EQ(library.of<ProgramHeader>(Structure::program_header, offsetof(ProgramHeader, p_vaddr),
                                        64, 0),
              "400+100");
    EXPECT_EQ(library.of<FileHeader>(Structure::file_header, offsetof(FileHeader, e_shoff), 0, 0),
              form.is_32 ? "1000+160" : "1000+256");
  }
}

TEST(FileForms, OthersThanThoseFourAreNone) {
  LibraryOf library({});
  for (const std::size_t place : {EI_CLASS, EI_DATA}) {
    const std::byte before = library.bytes[place];
    for (const int wrong : {0, 3, 255}) {
      library.bytes[place] = std::byte(wrong);
      EXPECT_FALSE(FileView::open(library.bytes.data(), library.bytes.size()));
    }
    library.bytes[place] = before;
  }
  EXPECT_FALSE(FileView::open(LibraryOf({.is_32 = true}).bytes.data(), 51));
  EXPECT_TRUE(FileView::open(LibraryOf({.is_32 = true}).bytes.data(), 52));
}

TEST(FileForms, MipsHasTheSymbolInFrontOnlyWhereNumbersAreLittleEndian) {
  for (const FileForm form : {FileForm{false, true}, FileForm{true, false}, FileForm{true, true}}) {
    LibraryOf library(form);
    FileHeader header = FileView::open(library.bytes.data(), library.bytes.size())->header();
    header.e_machine = EM_MIPS;
    put_in(form, library.bytes, 0, header);
    const auto file = FileView::open(library.bytes.data(), library.bytes.size());
    EXPECT_EQ(symbol_of_relocation(*file, file->read<Elf64_Rela>(800)->r_info), 2u);
  }
}

}  // namespace
}  // namespace allocs::elf
