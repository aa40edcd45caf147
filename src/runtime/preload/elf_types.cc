// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/elf_types.h"

#include <elf.h>

#include <atomic>
#include <string_view>

#include "base/every_process.h"
#include "base/text_writer.h"
#include "runtime/self/self_process.h"
#include "types/derive.h"

namespace allocs::preload {

namespace {

using elf::FileForm;
using types::CompositeSlot;

constexpr auto kCount = static_cast<std::size_t>(ElfType::count_);
struct Made {
  std::atomic<uniqtype*> type;
  std::atomic<uniqtype*> array;
};
// Those of one form of files. Made when the first such file is declared.
struct MadeTypes {
  Made each[kCount];
  std::atomic<bool> are_made;
};
ALLOCS_APART constinit MadeTypes g_made[4] = {};

MadeTypes& made_types(FileForm form) {
  return g_made[(form.is_32 ? 1u : 0u) + (form.is_big_endian ? 2u : 0u)];
}
Made& made(ElfType which, FileForm form) {
  return made_types(form).each[static_cast<std::size_t>(which)];
}

// The types of a form, with what C calls them there: the names of one class differ from those of the other in two digits.
class Maker {
 public:
  explicit Maker(FileForm form) : form_(form) {
    using namespace types;
    character_ = base_type(interner_, kEncodingSignedChar, 1, "signed_char$8", "char");
    byte_ = base_type(interner_, kEncodingUnsignedChar, 1, "unsigned_char$8", "unsigned char");
    half_ = number(kEncodingUnsigned, 2, "uint$16", "short unsigned int");
    word_ = number(kEncodingUnsigned, 4, "uint$32", "unsigned int");
    xword_ = number(kEncodingUnsigned, 8, "uint$64", "long unsigned int");
    is_32_ = form.is_32;
    address_ = is_32_ ? word_ : xword_;
    signed_ = is_32_ ? number(kEncodingSigned, 4, "int$32", "int")
                     : number(kEncodingSigned, 8, "int$64", "long int");
  }

  void make_all() {
    keep(ElfType::characters, character_);
    keep(ElfType::bytes, byte_);
    keep(ElfType::half, half_);
    keep(ElfType::word, word_);
    keep(ElfType::xword, xword_);
    keep(ElfType::address, address_);
    make_note();
    if (is_32_) {
      make_structures<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr, Elf32_Sym, Elf32_Rel, Elf32_Rela,
                      Elf32_Dyn>();
    } else {
      make_structures<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, Elf64_Sym, Elf64_Rel, Elf64_Rela,
                      Elf64_Dyn>();
    }
  }

 private:
  static constexpr std::size_t kLongestName = 48;
  struct Name {
    char text[kLongestName];
    operator std::string_view() const { return text; }
  };
  Name joined(std::string_view first, std::string_view second, std::string_view third = {}) const {
    Name name{};
    TextWriter(name.text, sizeof name.text).put(first).put(second).put(third);
    return name;
  }
  std::string_view order_of_names() const { return form_.is_big_endian ? "big_endian_" : ""; }

  uniqtype* number(std::uint8_t encoding, std::uint64_t size, std::string_view name,
                   std::string_view human_name) {
    if (!form_.is_big_endian) return types::base_type(interner_, encoding, size, name, human_name);
    return types::base_type(interner_, encoding, size, joined("big_endian_", name),
                            joined("big_endian ", human_name), types::kTypeBigEndian);
  }

  void keep(ElfType which, uniqtype* type) {
    made(which, form_).type.store(type, std::memory_order_release);
    made(which, form_)
        .array.store(types::array_of(interner_, type, types::kUnbounded),
                     std::memory_order_release);
  }

  // Members are in order of offset; `slots` tells which they are in the other order that the 32-bit class has for some.
  template <std::size_t kMembers>
  uniqtype* structure(std::string_view name, std::size_t size, CompositeSlot (&slots)[kMembers],
                      types::CompositeKind kind = types::CompositeKind::structure,
                      std::string_view human_name = {}) {
    for (std::size_t i = 1; i < kMembers; ++i) {
      for (std::size_t at = i; at != 0 && slots[at].offset < slots[at - 1].offset; --at) {
        const CompositeSlot later = slots[at];
        slots[at] = slots[at - 1];
        slots[at - 1] = later;
      }
    }
    return types::composite_by_content(interner_, kind, name, human_name, size, slots, kMembers);
  }
  template <std::size_t kMembers>
  void keep_structure(ElfType which, std::string_view name, std::size_t size,
                      CompositeSlot (&&slots)[kMembers]) {
    keep(which, structure(joined(order_of_names(), class_name(), name), size, slots));
  }
  std::string_view class_name() const { return is_32_ ? "Elf32" : "Elf64"; }
  // A typedef of <elf.h>: both classes have one of that name.
  std::string_view alias(std::string_view of_64, std::string_view of_32) const {
    return is_32_ ? of_32 : of_64;
  }

  template <typename Ehdr, typename Phdr, typename Shdr, typename Sym, typename Rel, typename Rela,
            typename Dyn>
  void make_structures();
  void make_note();

  types::Interner& interner_ = self::interner();
  FileForm form_;
  bool is_32_ = false;
  uniqtype *character_, *byte_, *half_, *word_, *xword_, *address_, *signed_;
};

// Of members whose type has a name of its own in either class; in the 32-bit one a Word has the place of an Xword.
#define ALLOCS_MEMBER(T, member, type, name) \
  { #member, offsetof(T, member), type, alias("Elf64_" name, "Elf32_" name) }
#define ALLOCS_XWORD(T, member) \
  { #member, offsetof(T, member), address_, alias("Elf64_Xword", "Elf32_Word") }
#define ALLOCS_BYTE(T, member)              \
  {                                         \
#member, offsetof(T, member), byte_, {} \
  }

template <typename Ehdr, typename Phdr, typename Shdr, typename Sym, typename Rel, typename Rela,
          typename Dyn>
void Maker::make_structures() {
  keep_structure(ElfType::file_header, "_Ehdr", sizeof(Ehdr),
                 {{"e_ident", 0, types::array_of(interner_, byte_, EI_NIDENT), {}},
                  ALLOCS_MEMBER(Ehdr, e_type, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_machine, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_version, word_, "Word"),
                  ALLOCS_MEMBER(Ehdr, e_entry, address_, "Addr"),
                  ALLOCS_MEMBER(Ehdr, e_phoff, address_, "Off"),
                  ALLOCS_MEMBER(Ehdr, e_shoff, address_, "Off"),
                  ALLOCS_MEMBER(Ehdr, e_flags, word_, "Word"),
                  ALLOCS_MEMBER(Ehdr, e_ehsize, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_phentsize, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_phnum, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_shentsize, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_shnum, half_, "Half"),
                  ALLOCS_MEMBER(Ehdr, e_shstrndx, half_, "Half")});
  keep_structure(
      ElfType::program_header, "_Phdr", sizeof(Phdr),
      {ALLOCS_MEMBER(Phdr, p_type, word_, "Word"), ALLOCS_MEMBER(Phdr, p_flags, word_, "Word"),
       ALLOCS_MEMBER(Phdr, p_offset, address_, "Off"),
       ALLOCS_MEMBER(Phdr, p_vaddr, address_, "Addr"),
       ALLOCS_MEMBER(Phdr, p_paddr, address_, "Addr"), ALLOCS_XWORD(Phdr, p_filesz),
       ALLOCS_XWORD(Phdr, p_memsz), ALLOCS_XWORD(Phdr, p_align)});
  keep_structure(
      ElfType::section_header, "_Shdr", sizeof(Shdr),
      {ALLOCS_MEMBER(Shdr, sh_name, word_, "Word"), ALLOCS_MEMBER(Shdr, sh_type, word_, "Word"),
       ALLOCS_XWORD(Shdr, sh_flags), ALLOCS_MEMBER(Shdr, sh_addr, address_, "Addr"),
       ALLOCS_MEMBER(Shdr, sh_offset, address_, "Off"), ALLOCS_XWORD(Shdr, sh_size),
       ALLOCS_MEMBER(Shdr, sh_link, word_, "Word"), ALLOCS_MEMBER(Shdr, sh_info, word_, "Word"),
       ALLOCS_XWORD(Shdr, sh_addralign), ALLOCS_XWORD(Shdr, sh_entsize)});
  keep_structure(ElfType::symbol, "_Sym", sizeof(Sym),
                 {ALLOCS_MEMBER(Sym, st_name, word_, "Word"), ALLOCS_BYTE(Sym, st_info),
                  ALLOCS_BYTE(Sym, st_other), ALLOCS_MEMBER(Sym, st_shndx, half_, "Section"),
                  ALLOCS_MEMBER(Sym, st_value, address_, "Addr"), ALLOCS_XWORD(Sym, st_size)});
  keep_structure(ElfType::relocation, "_Rel", sizeof(Rel),
                 {ALLOCS_MEMBER(Rel, r_offset, address_, "Addr"), ALLOCS_XWORD(Rel, r_info)});
  keep_structure(
      ElfType::relocation_with_addend, "_Rela", sizeof(Rela),
      {ALLOCS_MEMBER(Rela, r_offset, address_, "Addr"),
       ALLOCS_XWORD(Rela, r_info),
       {"r_addend", offsetof(Rela, r_addend), signed_, alias("Elf64_Sxword", "Elf32_Sword")}});
  CompositeSlot values[] = {{"d_val", 0, address_, alias("Elf64_Xword", "Elf32_Word")},
                            {"d_ptr", 0, address_, alias("Elf64_Addr", "Elf32_Addr")}};
  const Name of_union = joined(order_of_names(), class_name(), "_Dyn::d_un");
  uniqtype* const value = structure(of_union, sizeof(Dyn::d_un), values,
                                    types::CompositeKind::union_, joined("union ", of_union));
  keep_structure(ElfType::dynamic_entry, "_Dyn", sizeof(Dyn),
                 {{"d_tag", 0, signed_, alias("Elf64_Sxword", "Elf32_Sword")},
                  {"d_un", offsetof(Dyn, d_un), value, {}}});
}

#undef ALLOCS_BYTE
#undef ALLOCS_XWORD
#undef ALLOCS_MEMBER

// The same in both classes.
void Maker::make_note() {
  using T = Elf64_Nhdr;
  CompositeSlot slots[] = {{"n_namesz", offsetof(T, n_namesz), word_, "Elf64_Word"},
                           {"n_descsz", offsetof(T, n_descsz), word_, "Elf64_Word"},
                           {"n_type", offsetof(T, n_type), word_, "Elf64_Word"},
                           {"n_contents",
                            sizeof(T),
                            types::array_of(interner_, byte_, types::kUnbounded),
                            {},
                            types::kMemberFlexible}};
  const Name name = joined(order_of_names(), "elf_note");
  keep(ElfType::note,
       structure(name, sizeof(T), slots, types::CompositeKind::structure, joined("struct ", name)));
}

}  // namespace

bool make_elf_types(FileForm form) {
  MadeTypes& types = made_types(form);
  if (types.are_made.load(std::memory_order_acquire)) return true;
  Maker(form).make_all();
  for (const Made& each : types.each) {
    if (each.array.load(std::memory_order_relaxed) == nullptr) return false;
  }
  types.are_made.store(true, std::memory_order_release);
  return true;
}

uniqtype* elf_type(ElfType which, FileForm form) {
  return made(which, form).type.load(std::memory_order_acquire);
}
uniqtype* elf_array_type(ElfType element, FileForm form) {
  return made(element, form).array.load(std::memory_order_acquire);
}

}  // namespace allocs::preload
