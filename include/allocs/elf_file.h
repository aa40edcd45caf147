/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_ELF_FILE_H
#define ALLOCS_ELF_FILE_H

#include "interpreter.h"
#include "sequence.h"

/* A mapped ELF file is a tree of allocations:
 *
 *   mapping, or block, or whatever holds the bytes
 *     ELF header           Elf64_Ehdr
 *     program headers      Elf64_Phdr[]
 *     .dynsym              Elf64_Sym[]
 *     .dynstr              each string                 char[]
 *     .rela.dyn            Elf64_Rela[]
 *     .note.gnu.build-id   each note                   struct elf_note
 *     .text                each instruction            unsigned char[]     (of x86-64)
 *     ...
 *     section headers      Elf64_Shdr[]
 *
 * Of 32-bit files the structures are Elf32_Ehdr and so on, with their own layouts. Of files whose numbers have the most significant byte first they are types of their own, called
 * big_endian_Elf64_Ehdr or big_endian_Elf32_Ehdr and so on, and struct big_endian_elf_note: laid out the same, with members of which uniqtype_is_big_endian() is true. Who reads a member as its type says
 * reads all four forms (examples/elf_table.h).
 *
 * Where a file has no section headers (stripped of them, dumped from memory, a core), the program headers and the dynamic section tell what there is, and the
 * allocations are named after these: "PT_INTERP", "PT_DYNAMIC", "PT_NOTE", "PT_TLS", "PT_GNU_EH_FRAME"; "DT_STRTAB", "DT_SYMTAB", "DT_HASH", "DT_GNU_HASH", "DT_RELA", "DT_REL", "DT_RELR",
 * "DT_JMPREL", "DT_INIT_ARRAY", "DT_FINI_ARRAY", "DT_PREINIT_ARRAY", "DT_VERSYM", "DT_VERNEED", "DT_VERDEF"; and "PT_LOAD" for a segment in which nothing of that lies. They are of the types that
 * sections with that content are. How many symbols there are such a file does not say: as many are told as DT_HASH has chains, or as GNU's table and relocations know of.
 *
 * It is the file that is described, not the program that would come of it when it is loaded: loaded objects have a tree of their own. An
 * allocation's name is the section's, which is text in the file, and may be read as long as that is there (those of segments and tags: as long as the process). Bytes that no header
 * claims belong to the mapping.
 *
 * Nothing in the file is believed: a table or a section that does not fit into it is not in the tree, nor is one that claims bytes of another, and
 * a reference that leads elsewhere leads nowhere. */

#ifdef __cplusplus
extern "C" {
#endif

/* Declares `size` bytes at `file` an ELF file, until alloc_demote of the allocation that they lie in. Which parts it has is read now; what is in them
 * when it is asked about. If sections are moved, or code is changed, demote and declare it again.
 * Returns ALLOC_OK; ALLOC_E_MALFORMED: no header of an ELF file is there; ALLOC_E_NOTHING_THERE: not all of the bytes can be read
 * (the file has become shorter than its mapping), or they are in no allocation; ALLOC_E_REFUSED: that cannot be looked at (a seccomp sandbox); ALLOC_E_INVALID: they are not in one;
 * ALLOC_E_HAS_CHILDREN: they are declared already; or another error of alloc_promote. With ALLOC_NOWAIT the kernel is not asked, and nothing is told of a file that is a mapping. */
int alloc_make_elf_file(const void *file, size_t size);

/* The allocator of parts of ELF files. Elements of sections are of those of the families of allocs/sequence.h. Async-signal-safe. */
struct allocator *alloc_elf_allocator(void);

enum alloc_elf_reference { /* the languages: `how` of the interpreter */
  ALLOC_ELF_OFFSET = 1,  /* into the file: e_phoff, e_shoff, p_offset, sh_offset */
  ALLOC_ELF_ADDRESS = 2, /* virtual: e_entry, p_vaddr, sh_addr, st_value, r_offset, d_ptr, words of .init_array; in object files from the start of a
                            section. Of what has no bytes in the file (.bss; most of what a file of debug information tells of its program), or is an absolute number,
                            nothing can be told */
  ALLOC_ELF_STRING = 3,  /* index into a string table: sh_name, st_name, d_val of a name */
  ALLOC_ELF_SECTION = 4, /* index of a section, leads to its header: e_shstrndx, sh_link, sh_info, st_shndx; one that is too large for its
                            field is looked up where the format has it */
  ALLOC_ELF_SYMBOL = 5   /* index of a symbol, leads to it: in r_info, and sh_info of a group */
};

/* Interprets the fields of ELF structures, `how` being an enum alloc_elf_reference. Its environment is the declared file in which the place is. Where
 * that leads to something that is not in the tree, it leads nowhere. Async-signal-safe. */
const struct alloc_interpreter *alloc_elf_interpreter(void);

#ifdef __cplusplus
}
#endif

#endif
