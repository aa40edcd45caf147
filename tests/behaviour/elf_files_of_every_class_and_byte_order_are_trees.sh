#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ELF files of 32 and of 64 bits, of either order of bytes, are trees whose types tell which they are: numbers are shown with their values, and references lead where they should.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'END'
#include <allocs/elf_file.h>
#include <allocs/show.hpp>
#include <elf.h>
#include <cstdlib>
#include <cstring>
#include <iostream>

static bool is_big;
// The number as the file has it.
template <typename T> T in_file(unsigned long number) {
  T value = static_cast<T>(number);
  if (!is_big) return value;
  char *bytes = reinterpret_cast<char *>(&value);
  for (unsigned i = 0; i < sizeof value / 2; ++i) std::swap(bytes[i], bytes[sizeof value - 1 - i]);
  return value;
}
#define PUT(field, number) field = in_file<decltype(field)>(number)

template <typename Shdr> Shdr section(unsigned name, unsigned type, unsigned at, unsigned size, unsigned link, unsigned entry) {
  Shdr made{};
  PUT(made.sh_name, name), PUT(made.sh_type, type), PUT(made.sh_offset, at), PUT(made.sh_size, size), PUT(made.sh_link, link), PUT(made.sh_entsize, entry);
  PUT(made.sh_addralign, 4);
  return made;
}

static const char *follow(const void *field) {
  alloc_referent referent;
  return alloc_interpret(field, alloc_elf_interpreter(), 0, &referent) == ALLOC_OK ? static_cast<const char *>(referent.at) : nullptr;
}
static std::string path(const void *at, const char *base) {
  alloc_info info;
  if (at == nullptr || alloc_query(at, 0, &info) != ALLOC_OK) return "nowhere";
  return std::to_string(static_cast<const char *>(at) - base);
}

template <typename Ehdr, typename Phdr, typename Shdr, typename Sym, typename Rela>
void make(unsigned file_class, unsigned long info) {
  char *const file = static_cast<char *>(calloc(1, 2000));
  Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = static_cast<unsigned char>(file_class), header.e_ident[EI_DATA] = is_big ? ELFDATA2MSB : ELFDATA2LSB;
  PUT(header.e_type, ET_DYN), PUT(header.e_machine, EM_PPC64), PUT(header.e_entry, 0x1190), PUT(header.e_phoff, 100), PUT(header.e_phnum, 1);
  PUT(header.e_phentsize, sizeof(Phdr)), PUT(header.e_shoff, 1000), PUT(header.e_shentsize, sizeof(Shdr)), PUT(header.e_shnum, 6), PUT(header.e_shstrndx, 1);
  *reinterpret_cast<Ehdr *>(file) = header;
  Phdr segment{};
  PUT(segment.p_type, PT_LOAD), PUT(segment.p_vaddr, 0x1000), PUT(segment.p_filesz, 900), PUT(segment.p_memsz, 950);
  memcpy(file + 100, &segment, sizeof segment);
  const char strings[] = "\0.strings\0.symbols\0.relocations\0.notes\0.early\0answer";
  memcpy(file + 200, strings, sizeof strings);
  const Shdr sections[] = {section<Shdr>(0, SHT_NULL, 0, 0, 0, 0), section<Shdr>(1, SHT_STRTAB, 200, sizeof strings, 0, 0), section<Shdr>(10, SHT_SYMTAB, 400, 2 * sizeof(Sym), 1, sizeof(Sym)),
                           section<Shdr>(19, SHT_RELA, 500, sizeof(Rela), 2, sizeof(Rela)), section<Shdr>(32, SHT_NOTE, 600, 20, 0, 0),
                           section<Shdr>(39, SHT_INIT_ARRAY, 640, sizeof header.e_entry, 0, 0)};
  memcpy(file + 1000, sections, sizeof sections);
  Sym symbol{};
  PUT(symbol.st_name, 46), PUT(symbol.st_value, 0x10c8), PUT(symbol.st_size, 9), PUT(symbol.st_shndx, 1), symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  memcpy(file + 400 + sizeof symbol, &symbol, sizeof symbol);
  Rela relocation{};
  PUT(relocation.r_offset, 0x1190), PUT(relocation.r_info, info), PUT(relocation.r_addend, -5ul);
  memcpy(file + 500, &relocation, sizeof relocation);
  const Elf64_Word note[] = {in_file<Elf64_Word>(4), in_file<Elf64_Word>(4), in_file<Elf64_Word>(7)};
  memcpy(file + 600, note, sizeof note), memcpy(file + 612, "own\0text", 8);
  const auto early = in_file<decltype(header.e_entry)>(0x1190);
  memcpy(file + 640, &early, sizeof early);

  std::cout << "made: " << alloc_make_elf_file(file, 2000) << '\n';
  alloc_info whole, part;
  alloc_get_parent((alloc_query(file, 0, &part), &part), 0, &whole);
  alloc_cursor cursor;
  alloc_begin_children(&whole, 0, &cursor);
  while (alloc_next_child(&cursor, &part) == 1)
    std::cout << static_cast<const char *>(part.base) - file << '+' << part.size << ' ' << part.name << ": " << uniqtype_name(part.type) << '\n';
  char *const second = file + 400 + sizeof(Sym);
  std::cout << allocs::show(*reinterpret_cast<Sym *>(second)) << '\n' << allocs::show(*reinterpret_cast<Rela *>(file + 500)) << '\n' << allocs::show_allocation(file + 600) << '\n';
  const auto *const at = reinterpret_cast<Sym *>(second);
  std::cout << "name " << follow(&at->st_name) << ", value " << path(follow(&at->st_value), file) << ", in section " << path(follow(&at->st_shndx), file);
  const auto *const of = reinterpret_cast<Rela *>(file + 500);
  std::cout << "; relocates " << path(follow(&of->r_offset), file) << " by symbol " << (follow(&of->r_info) == second) << "; early " << path(follow(file + 640), file);
  std::cout << "; entry " << path(follow(&reinterpret_cast<Ehdr *>(file)->e_entry), file) << ", size leads nowhere " << (follow(&at->st_size) == nullptr) << '\n';
  // Of this machine's order they are those of the program's own objects.
  static Sym own;
  std::cout << "the program's own: " << (UNIQTYPE_ARRAY_ELEMENT_TYPE(alloc_get_type(second)) == alloc_get_type(&own)) << "; ";
  for (const allocs::Member member : allocs::Type(UNIQTYPE_ARRAY_ELEMENT_TYPE(alloc_get_type(second))).members()) std::cout << member.name << '@' << member.offset << (member.type.is_big_endian() ? " big " : " ");
  std::cout << '\n';
  alloc_demote(file);
  free(file);
}

int main() {
  for (const bool order : {false, true}) {
    is_big = order;
    make<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr, Elf32_Sym, Elf32_Rela>(ELFCLASS32, 1 << 8 | 2);
    make<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, Elf64_Sym, Elf64_Rela>(ELFCLASS64, 1ul << 32 | 2);
  }
}
END
build a.cc -std=c++20 -Wall -Wextra -Werror
preload ./a > out || fail "exit status $?"
for order in "" big_endian_; do
  big=${order:+ big} own=1
  [ -z "$order" ] || own=0
  cat <<END
made: 0
0+52 ELF header: ${order}Elf32_Ehdr
100+32 program headers: __ARR0_${order}Elf32_Phdr
200+53 .strings: __ARR0_signed_char\$8
400+32 .symbols: __ARR0_${order}Elf32_Sym
500+12 .relocations: __ARR0_${order}Elf32_Rela
600+20 .notes: (no type)
640+4 .early: __ARR0_${order}uint\$32
1000+240 section headers: __ARR0_${order}Elf32_Shdr
{st_name = 46, st_value = 4296, st_size = 9, st_info = '?x12', st_other = '?x00', st_shndx = 1}
{r_offset = 4496, r_info = 258, r_addend = -5}
{n_namesz = 4, n_descsz = 4, n_type = 7, n_contents = "own"}
name answer, value 200, in section 1040; relocates 400 by symbol 1; early 400; entry 400, size leads nowhere 1
the program's own: $own; st_name@0$big st_value@4$big st_size@8$big st_info@12 st_other@13 st_shndx@14$big 
made: 0
0+64 ELF header: ${order}Elf64_Ehdr
100+56 program headers: __ARR0_${order}Elf64_Phdr
200+53 .strings: __ARR0_signed_char\$8
400+48 .symbols: __ARR0_${order}Elf64_Sym
500+24 .relocations: __ARR0_${order}Elf64_Rela
600+20 .notes: (no type)
640+8 .early: __ARR0_${order}uint\$64
1000+384 section headers: __ARR0_${order}Elf64_Shdr
{st_name = 46, st_info = '?x12', st_other = '?x00', st_shndx = 1, st_value = 4296, st_size = 9}
{r_offset = 4496, r_info = 4294967298, r_addend = -5}
{n_namesz = 4, n_descsz = 4, n_type = 7, n_contents = "own"}
name answer, value 200, in section 1064; relocates 400 by symbol 1; early 400; entry 400, size leads nowhere 1
the program's own: $own; st_name@0$big st_info@4 st_other@5 st_shndx@6$big st_value@8$big st_size@16$big 
END
done > wanted
expect out < wanted
