// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/elf_types.h"

#include <elf.h>

#include <atomic>
#include <string_view>

#include "runtime/self/self_process.h"
#include "types/derive.h"

namespace allocs::preload {

namespace {

using types::CompositeSlot;

constexpr auto kCount = static_cast<std::size_t>(ElfType::count_);
struct Made {
  std::atomic<uniqtype*> type;
  std::atomic<uniqtype*> array;
};
constinit Made g_made[kCount] = {};
constinit std::atomic<bool> g_are_made{false};

Made& made(ElfType which) { return g_made[static_cast<std::size_t>(which)]; }

void keep(ElfType which, uniqtype* type) {
  made(which).type.store(type, std::memory_order_release);
  made(which).array.store(types::array_of(self::interner(), type, types::kUnbounded),
                          std::memory_order_release);
}

struct Scalars {
  uniqtype *character, *byte, *half, *word, *xword, *sxword;
};
Scalars make_scalars() {
  types::Interner& interner = self::interner();
  using namespace types;
  return {base_type(interner, kEncodingSignedChar, 1, "signed_char$8", "char"),
          base_type(interner, kEncodingUnsignedChar, 1, "unsigned_char$8", "unsigned char"),
          base_type(interner, kEncodingUnsigned, 2, "uint$16", "short unsigned int"),
          base_type(interner, kEncodingUnsigned, 4, "uint$32", "unsigned int"),
          base_type(interner, kEncodingUnsigned, 8, "uint$64", "long unsigned int"),
          base_type(interner, kEncodingSigned, 8, "int$64", "long int")};
}

template <std::size_t kMembers>
uniqtype* structure(std::string_view name, std::size_t size, const CompositeSlot (&slots)[kMembers],
                    types::CompositeKind kind = types::CompositeKind::structure,
                    std::string_view human_name = {}) {
  return types::composite_by_content(self::interner(), kind, name, human_name, size, slots,
                                     kMembers);
}

#define ALLOCS_MEMBER(structure, member, type, alias) \
  { #member, offsetof(structure, member), type, alias }

uniqtype* make_file_header(const Scalars& of) {
  using T = Elf64_Ehdr;
  return structure(
      "Elf64_Ehdr", sizeof(T),
      {ALLOCS_MEMBER(T, e_ident, types::array_of(self::interner(), of.byte, EI_NIDENT), {}),
       ALLOCS_MEMBER(T, e_type, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_machine, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_version, of.word, "Elf64_Word"),
       ALLOCS_MEMBER(T, e_entry, of.xword, "Elf64_Addr"),
       ALLOCS_MEMBER(T, e_phoff, of.xword, "Elf64_Off"),
       ALLOCS_MEMBER(T, e_shoff, of.xword, "Elf64_Off"),
       ALLOCS_MEMBER(T, e_flags, of.word, "Elf64_Word"),
       ALLOCS_MEMBER(T, e_ehsize, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_phentsize, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_phnum, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_shentsize, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_shnum, of.half, "Elf64_Half"),
       ALLOCS_MEMBER(T, e_shstrndx, of.half, "Elf64_Half")});
}

uniqtype* make_program_header(const Scalars& of) {
  using T = Elf64_Phdr;
  return structure("Elf64_Phdr", sizeof(T),
                   {ALLOCS_MEMBER(T, p_type, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, p_flags, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, p_offset, of.xword, "Elf64_Off"),
                    ALLOCS_MEMBER(T, p_vaddr, of.xword, "Elf64_Addr"),
                    ALLOCS_MEMBER(T, p_paddr, of.xword, "Elf64_Addr"),
                    ALLOCS_MEMBER(T, p_filesz, of.xword, "Elf64_Xword"),
                    ALLOCS_MEMBER(T, p_memsz, of.xword, "Elf64_Xword"),
                    ALLOCS_MEMBER(T, p_align, of.xword, "Elf64_Xword")});
}

uniqtype* make_section_header(const Scalars& of) {
  using T = Elf64_Shdr;
  return structure("Elf64_Shdr", sizeof(T),
                   {ALLOCS_MEMBER(T, sh_name, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, sh_type, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, sh_flags, of.xword, "Elf64_Xword"),
                    ALLOCS_MEMBER(T, sh_addr, of.xword, "Elf64_Addr"),
                    ALLOCS_MEMBER(T, sh_offset, of.xword, "Elf64_Off"),
                    ALLOCS_MEMBER(T, sh_size, of.xword, "Elf64_Xword"),
                    ALLOCS_MEMBER(T, sh_link, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, sh_info, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, sh_addralign, of.xword, "Elf64_Xword"),
                    ALLOCS_MEMBER(T, sh_entsize, of.xword, "Elf64_Xword")});
}

uniqtype* make_symbol(const Scalars& of) {
  using T = Elf64_Sym;
  return structure("Elf64_Sym", sizeof(T),
                   {ALLOCS_MEMBER(T, st_name, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, st_info, of.byte, {}), ALLOCS_MEMBER(T, st_other, of.byte, {}),
                    ALLOCS_MEMBER(T, st_shndx, of.half, "Elf64_Section"),
                    ALLOCS_MEMBER(T, st_value, of.xword, "Elf64_Addr"),
                    ALLOCS_MEMBER(T, st_size, of.xword, "Elf64_Xword")});
}

void make_relocations(const Scalars& of) {
  keep(ElfType::relocation, structure("Elf64_Rel", sizeof(Elf64_Rel),
                                      {ALLOCS_MEMBER(Elf64_Rel, r_offset, of.xword, "Elf64_Addr"),
                                       ALLOCS_MEMBER(Elf64_Rel, r_info, of.xword, "Elf64_Xword")}));
  keep(ElfType::relocation_with_addend,
       structure("Elf64_Rela", sizeof(Elf64_Rela),
                 {ALLOCS_MEMBER(Elf64_Rela, r_offset, of.xword, "Elf64_Addr"),
                  ALLOCS_MEMBER(Elf64_Rela, r_info, of.xword, "Elf64_Xword"),
                  ALLOCS_MEMBER(Elf64_Rela, r_addend, of.sxword, "Elf64_Sxword")}));
}

uniqtype* make_dynamic_entry(const Scalars& of) {
  uniqtype* const value =
      structure("Elf64_Dyn::d_un", sizeof(Elf64_Xword),
                {{"d_val", 0, of.xword, "Elf64_Xword"}, {"d_ptr", 0, of.xword, "Elf64_Addr"}},
                types::CompositeKind::union_, "union Elf64_Dyn::d_un");
  return structure("Elf64_Dyn", sizeof(Elf64_Dyn),
                   {ALLOCS_MEMBER(Elf64_Dyn, d_tag, of.sxword, "Elf64_Sxword"),
                    ALLOCS_MEMBER(Elf64_Dyn, d_un, value, {})});
}

uniqtype* make_note(const Scalars& of) {
  using T = Elf64_Nhdr;
  uniqtype* const bytes = types::array_of(self::interner(), of.byte, types::kUnbounded);
  return structure("elf_note", sizeof(T),
                   {ALLOCS_MEMBER(T, n_namesz, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, n_descsz, of.word, "Elf64_Word"),
                    ALLOCS_MEMBER(T, n_type, of.word, "Elf64_Word"),
                    {"n_contents", sizeof(T), bytes, {}, types::kMemberFlexible}},
                   types::CompositeKind::structure, "struct elf_note");
}

#undef ALLOCS_MEMBER

}  // namespace

bool make_elf_types() {
  if (g_are_made.load(std::memory_order_acquire)) return true;
  const Scalars of = make_scalars();
  keep(ElfType::characters, of.character);
  keep(ElfType::bytes, of.byte);
  keep(ElfType::half, of.half);
  keep(ElfType::word, of.word);
  keep(ElfType::xword, of.xword);
  keep(ElfType::note, make_note(of));
  keep(ElfType::file_header, make_file_header(of));
  keep(ElfType::program_header, make_program_header(of));
  keep(ElfType::section_header, make_section_header(of));
  keep(ElfType::symbol, make_symbol(of));
  make_relocations(of);
  keep(ElfType::dynamic_entry, make_dynamic_entry(of));
  for (const Made& each : g_made) {
    if (each.array.load(std::memory_order_relaxed) == nullptr) return false;
  }
  g_are_made.store(true, std::memory_order_release);
  return true;
}

uniqtype* elf_type(ElfType which) { return made(which).type.load(std::memory_order_acquire); }
uniqtype* elf_array_type(ElfType element) {
  return made(element).array.load(std::memory_order_acquire);
}

}  // namespace allocs::preload
