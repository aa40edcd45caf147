/* SPDX-License-Identifier: Apache-2.0
 * Functions made at run time, and an ELF file in memory for each, registered with gdb's JIT interface. For tests. */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct jit_entry {
  struct jit_entry *next, *previous;
  const void* file;
  uint64_t size;
};
struct jit_descriptor {
  uint32_t version, action;
  struct jit_entry *relevant, *first;
};
struct jit_descriptor __jit_debug_descriptor = {1, 0, NULL, NULL};
__attribute__((noinline, used)) void __jit_debug_register_code(void) {
  __asm__ volatile("" ::: "memory");
}

/* A function that calls its argument, with 40 bytes of its own on the stack. Its frame reaches over 48 bytes. */
typedef void made_function(void (*)(void));
enum { kMadeFrame = 48, kMadeSize = 11 };
static made_function* make_function(void) {
  static const unsigned char kCode[kMadeSize] = {0x48, 0x83, 0xEC, 40, 0xFF, 0xD7,
                                                 0x48, 0x83, 0xC4, 40, 0xC3};
  void* code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, kCode, kMadeSize);
  mprotect(code, 4096, PROT_READ | PROT_EXEC);
  made_function* made;
  memcpy(&made, &code, sizeof made);
  return made;
}

struct made_file {
  Elf64_Ehdr header;
  Elf64_Shdr sections[6];
  Elf64_Sym symbols[2];
  char names[64];
  _Alignas(8) unsigned char frames[72];
};
static void make_file(struct made_file* file, made_function* function, const char* name) {
  static const char kNames[] = "\0.text\0.eh_frame\0.symtab\0.strtab";
  const uint64_t code = (uint64_t)(uintptr_t)function, frames = (uint64_t)(uintptr_t)file->frames;
  memset(file, 0, sizeof *file);
  file->header = (Elf64_Ehdr){.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                              .e_type = ET_EXEC,
                              .e_machine = EM_X86_64,
                              .e_version = 1,
                              .e_shoff = offsetof(struct made_file, sections),
                              .e_ehsize = sizeof(Elf64_Ehdr),
                              .e_shentsize = sizeof(Elf64_Shdr),
                              .e_shnum = 5,
                              .e_shstrndx = 4};
  memcpy(file->names, kNames, sizeof kNames);
  strcpy(file->names + sizeof kNames, name);
  unsigned char* at = file->frames;
  static const unsigned char kCommon[] = {0x14, 0,    0,  0, 0, 0,    0, 0, 1,    'z', 'R', 0,
                                          1,    0x78, 16, 1, 0, 0x0C, 7, 8, 0x90, 1,   0,   0};
  memcpy(at, kCommon, sizeof kCommon), at += sizeof kCommon;
  const uint32_t record[] = {
      28, sizeof kCommon + 4, (uint32_t)code, (uint32_t)(code >> 32), kMadeSize, 0};
  memcpy(at, record, sizeof record), at += sizeof record;
  /* From byte 4 on the frame is 48 bytes, from byte 10 on 8 again. */
  static const unsigned char kChanges[] = {0, 0x44, 0x0E, kMadeFrame, 0x46, 0x0E, 8, 0};
  memcpy(at, kChanges, sizeof kChanges), at += sizeof kChanges + 4;
  file->symbols[1] = (Elf64_Sym){.st_name = sizeof kNames,
                                 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                 .st_shndx = 1,
                                 .st_value = code,
                                 .st_size = kMadeSize};
  file->sections[1] = (Elf64_Shdr){.sh_name = 1,
                                   .sh_type = SHT_NOBITS,
                                   .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                   .sh_addr = code,
                                   .sh_size = kMadeSize,
                                   .sh_addralign = 1};
  file->sections[2] = (Elf64_Shdr){.sh_name = 7,
                                   .sh_type = SHT_PROGBITS,
                                   .sh_flags = SHF_ALLOC,
                                   .sh_addr = frames,
                                   .sh_offset = offsetof(struct made_file, frames),
                                   .sh_size = (uint64_t)(at - file->frames),
                                   .sh_addralign = 8};
  file->sections[3] = (Elf64_Shdr){.sh_name = 17,
                                   .sh_type = SHT_SYMTAB,
                                   .sh_offset = offsetof(struct made_file, symbols),
                                   .sh_size = sizeof file->symbols,
                                   .sh_link = 4,
                                   .sh_info = 1,
                                   .sh_addralign = 8,
                                   .sh_entsize = sizeof(Elf64_Sym)};
  file->sections[4] = (Elf64_Shdr){.sh_name = 25,
                                   .sh_type = SHT_STRTAB,
                                   .sh_offset = offsetof(struct made_file, names),
                                   .sh_size = sizeof file->names,
                                   .sh_addralign = 1};
}

static void add_entry(struct jit_entry* entry) {
  entry->previous = NULL;
  entry->next = __jit_debug_descriptor.first;
  if (entry->next != NULL) entry->next->previous = entry;
  __jit_debug_descriptor.first = __jit_debug_descriptor.relevant = entry;
  __jit_debug_descriptor.action = 1;
  __jit_debug_register_code();
}
static void remove_entry(struct jit_entry* entry) {
  if (entry->previous != NULL)
    entry->previous->next = entry->next;
  else
    __jit_debug_descriptor.first = entry->next;
  if (entry->next != NULL) entry->next->previous = entry->previous;
  __jit_debug_descriptor.relevant = entry;
  __jit_debug_descriptor.action = 2;
  __jit_debug_register_code();
}
static struct jit_entry* register_function(made_function* function, const char* name) {
  struct made_file* file = malloc(sizeof *file);
  struct jit_entry* entry = malloc(sizeof *entry);
  make_file(file, function, name);
  *entry = (struct jit_entry){.file = file, .size = sizeof *file};
  add_entry(entry);
  return entry;
}
static __attribute__((unused)) void unregister_function(struct jit_entry* entry) {
  remove_entry(entry);
  free((void*)entry->file);
  free(entry);
}

/* Run as `./a call` where the frame of a made function lies: right above the caller's own frame. For use in its callback. */
#define FRAME_OF_MADE_CALLER() ((char*)__builtin_frame_address(0) + 16)
