// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>

// What numbers in ELF files are called. Of relocations: elf_relocations.h.

struct Name {
  std::uint64_t number;
  const char* name;
};
template <std::size_t kCount>
const char* name_in(const Name (&names)[kCount], std::uint64_t number) {
  for (const Name& each : names) {
    if (each.number == number) return each.name;
  }
  return nullptr;
}
// The name, or the number from the start of the range that it is in: text that is there until the next call.
template <std::size_t kCount>
const char* name_of(const Name (&names)[kCount], std::uint64_t number) {
  const char* const name = name_in(names, number);
  if (name != nullptr) return name;
  const char* const range = number >= 0x80000000   ? "LOUSER+"
                            : number >= 0x70000000 ? "LOPROC+"
                            : number >= 0x60000000 ? "LOOS+"
                                                   : "";
  static char text[64];
  std::snprintf(text, sizeof text, "%s%#" PRIx64, range,
                *range == '\0' ? number : number & 0xfffffff);
  return text;
}

constexpr Name kSectionTypes[] = {{SHT_NULL, "NULL"},
                                  {SHT_PROGBITS, "PROGBITS"},
                                  {SHT_SYMTAB, "SYMTAB"},
                                  {SHT_STRTAB, "STRTAB"},
                                  {SHT_RELA, "RELA"},
                                  {SHT_HASH, "HASH"},
                                  {SHT_DYNAMIC, "DYNAMIC"},
                                  {SHT_NOTE, "NOTE"},
                                  {SHT_NOBITS, "NOBITS"},
                                  {SHT_REL, "REL"},
                                  {SHT_DYNSYM, "DYNSYM"},
                                  {SHT_INIT_ARRAY, "INIT_ARRAY"},
                                  {SHT_FINI_ARRAY, "FINI_ARRAY"},
                                  {SHT_PREINIT_ARRAY, "PREINIT_ARRAY"},
                                  {SHT_GROUP, "GROUP"},
                                  {SHT_SYMTAB_SHNDX, "SYMTAB SECTION INDICES"},
                                  {19, "RELR"},
                                  {SHT_GNU_HASH, "GNU_HASH"},
                                  {SHT_GNU_verdef, "VERDEF"},
                                  {SHT_GNU_verneed, "VERNEED"},
                                  {SHT_GNU_versym, "VERSYM"}};
// What follows the start of the range that is for the machine's own.
constexpr Name kSectionTypesOfX86[] = {{1, "X86_64_UNWIND"}};
constexpr Name kSectionTypesOfMips[] = {
    {6, "MIPS_REGINFO"}, {0xd, "MIPS_OPTIONS"}, {0x1e, "MIPS_DWARF"}, {0x2a, "MIPS_ABIFLAGS"}};
constexpr Name kSectionTypesOfRiscv[] = {{3, "RISCV_ATTRIBUTES"}};
constexpr Name kSectionTypesOfArm[] = {{1, "ARM_EXIDX"},
                                       {2, "ARM_PREEMPTMAP"},
                                       {3, "ARM_ATTRIBUTES"},
                                       {4, "ARM_DEBUGOVERLAY"},
                                       {5, "ARM_OVERLAYSECTION"}};
constexpr Name kSegmentTypes[] = {{PT_NULL, "NULL"},
                                  {PT_LOAD, "LOAD"},
                                  {PT_DYNAMIC, "DYNAMIC"},
                                  {PT_INTERP, "INTERP"},
                                  {PT_NOTE, "NOTE"},
                                  {PT_PHDR, "PHDR"},
                                  {PT_TLS, "TLS"},
                                  {PT_GNU_EH_FRAME, "GNU_EH_FRAME"},
                                  {PT_GNU_STACK, "GNU_STACK"},
                                  {PT_GNU_RELRO, "GNU_RELRO"},
                                  {PT_GNU_PROPERTY, "GNU_PROPERTY"}};
constexpr Name kSymbolTypes[] = {
    {STT_NOTYPE, "NOTYPE"}, {STT_OBJECT, "OBJECT"}, {STT_FUNC, "FUNC"}, {STT_SECTION, "SECTION"},
    {STT_FILE, "FILE"},     {STT_COMMON, "COMMON"}, {STT_TLS, "TLS"},   {STT_GNU_IFUNC, "IFUNC"}};
constexpr Name kBindings[] = {
    {STB_LOCAL, "LOCAL"}, {STB_GLOBAL, "GLOBAL"}, {STB_WEAK, "WEAK"}, {STB_GNU_UNIQUE, "UNIQUE"}};
constexpr Name kVisibilities[] = {{STV_DEFAULT, "DEFAULT"},
                                  {STV_INTERNAL, "INTERNAL"},
                                  {STV_HIDDEN, "HIDDEN"},
                                  {STV_PROTECTED, "PROTECTED"}};

struct Flag {
  std::uint64_t bit;
  char letter;
};
constexpr Flag kSectionFlags[] = {
    {SHF_WRITE, 'W'},   {SHF_ALLOC, 'A'},     {SHF_EXECINSTR, 'X'},  {SHF_MERGE, 'M'},
    {SHF_STRINGS, 'S'}, {SHF_INFO_LINK, 'I'}, {SHF_LINK_ORDER, 'L'}, {SHF_OS_NONCONFORMING, 'O'},
    {SHF_GROUP, 'G'},   {SHF_TLS, 'T'},       {SHF_COMPRESSED, 'C'}, {SHF_MASKOS, 'o'},
    {1u << 28, 'l'},    {1u << 31, 'E'}};

// What is behind `o` in GNU's files.
constexpr Flag kGnuFlags[] = {{1u << 21, 'R'}, {1u << 24, 'D'}};

constexpr Name kSegmentTypesOfMips[] = {
    {0, "REGINFO"}, {1, "RTPROC"}, {2, "OPTIONS"}, {3, "ABIFLAGS"}};
constexpr Name kSegmentTypesOfArm[] = {{1, "EXIDX"}};
constexpr Name kSegmentTypesOfRiscv[] = {
    {3, "RISCV_ATTRIBUT"}};  // as long as the column that is for them
