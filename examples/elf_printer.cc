// SPDX-License-Identifier: Apache-2.0
// Prints an ELF file from the tree of its allocations: `elf_printer FILE...` its headers, sections, symbols, relocations and notes; `--parts` what lies
// where; `--references` every reference in it, and to what it leads. No offset in the file is computed here: tables are found by their types, and
// everything that refers to something is asked where that is.
//
//   c++ -std=c++20 -g -o elf_printer elf_printer.cc $(pkg-config --cflags --libs allocs)
//   LD_PRELOAD=liballocs_preload.so ./elf_printer /bin/true
#include <allocs/elf_file.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "elf_relocations.h"

namespace {

constexpr const char* kCannotTell = "(cannot tell)";

// What the field refers to; nullptr if that cannot be told.
template <typename T, typename Field>
const T* follow(const Field& field) {
  alloc_referent referent;
  if (alloc_interpret(&field, alloc_elf_interpreter(), 0, &referent) != ALLOC_OK) return nullptr;
  return static_cast<const T*>(referent.at);
}
template <typename Field>
const char* text_of(const Field& field) {
  const char* const text = follow<char>(field);
  return text == nullptr ? kCannotTell : text;
}

// Calls visit(const alloc_info&) for what lies directly in the allocation.
template <typename Visit>
void for_each_child(const alloc_info& parent, Visit visit) {
  alloc_cursor cursor;
  alloc_info child;
  alloc_begin_children(&parent, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) visit(child);
}

// The entries, if the allocation is an array of those.
template <typename T>
struct Entries {
  Entries(const alloc_info& table, const char* type) {
    const uniqtype* const element =
        table.type == nullptr ? nullptr : UNIQTYPE_ARRAY_ELEMENT_TYPE(table.type);
    if (element == nullptr || std::strcmp(uniqtype_name(element), type) != 0) return;
    first = static_cast<const T*>(table.base);
    count = table.size / sizeof(T);
  }
  const T* begin() const { return first; }
  const T* end() const { return first + count; }
  const T* first = nullptr;
  std::size_t count = 0;
};

// ---- names of numbers ----

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

// ---- one kind of thing after the other ----

// What the file's headers say, for what is printed after them.
struct {
  bool is_of_gnu = false;  // the system that it is for: some flags are GNU's
  unsigned machine = 0;
  const Elf64_Shdr* sections = nullptr;
} file_;

void print_header(const Elf64_Ehdr& header) {
  file_ = {header.e_ident[EI_OSABI] == ELFOSABI_GNU, header.e_machine, nullptr};
  std::printf("header: type %u, machine %u, entry %#" PRIx64 "\n", header.e_type, header.e_machine,
              header.e_entry);
}

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

const char* name_of_segment_type(std::uint32_t type) {
  const char* const name =
      file_.machine == EM_MIPS ? name_in(kSegmentTypesOfMips, type - PT_LOPROC) : nullptr;
  return name != nullptr ? name : name_of(kSegmentTypes, type);
}

const char* name_of_section_type(std::uint32_t type) {
  const std::uint32_t own = type - SHT_LOPROC;
  const char* const name = file_.machine == EM_X86_64  ? name_in(kSectionTypesOfX86, own)
                           : file_.machine == EM_MIPS  ? name_in(kSectionTypesOfMips, own)
                           : file_.machine == EM_RISCV ? name_in(kSectionTypesOfRiscv, own)
                                                       : nullptr;
  return name != nullptr ? name : name_of(kSectionTypes, type);
}

void print_sections(const Entries<Elf64_Shdr>& sections) {
  file_.sections = sections.first;
  std::printf("sections: %zu\n", sections.count);
  for (const Elf64_Shdr& section : sections) {
    char flags[32] = "";
    std::size_t length = 0;
    for (const Flag& each : kSectionFlags) {
      if ((section.sh_flags & each.bit) == 0) continue;
      const bool is_of_other = each.letter == 'l' && file_.machine != EM_X86_64;
      if (each.letter != 'o' || !file_.is_of_gnu) flags[length++] = is_of_other ? 'p' : each.letter;
      for (const Flag& gnu : kGnuFlags) {
        if (each.letter == 'o' && file_.is_of_gnu && (section.sh_flags & gnu.bit) != 0)
          flags[length++] = gnu.letter;
      }
    }
    std::printf("  [%2td] %s %016" PRIx64 " %06" PRIx64 " %06" PRIx64 " %02" PRIx64
                " %s %u %u %" PRIu64 " %s\n",
                &section - sections.first, name_of_section_type(section.sh_type), section.sh_addr,
                section.sh_offset, section.sh_size, section.sh_entsize, length == 0 ? "-" : flags,
                section.sh_link, section.sh_info, section.sh_addralign,
                section.sh_type == SHT_NULL ? "" : text_of(section.sh_name));
  }
}

// (In a file of debug information beside its program it is not there.)
void print_interpreter(const Elf64_Phdr& segment) {
  const char* const path = follow<char>(segment.p_offset);
  std::printf("    interpreter %.*s\n",
              path == nullptr ? -1 : static_cast<int>(strnlen(path, segment.p_filesz)),
              path == nullptr ? kCannotTell : path);
}

void print_segments(const Entries<Elf64_Phdr>& segments) {
  std::printf("segments: %zu\n", segments.count);
  for (const Elf64_Phdr& segment : segments) {
    std::printf("  %s 0x%06" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64 " 0x%06" PRIx64
                " 0x%06" PRIx64 " %c%c%c %#" PRIx64 "\n",
                name_of_segment_type(segment.p_type), segment.p_offset, segment.p_vaddr,
                segment.p_paddr, segment.p_filesz, segment.p_memsz,
                (segment.p_flags & PF_R) != 0 ? 'R' : '-',
                (segment.p_flags & PF_W) != 0 ? 'W' : '-',
                (segment.p_flags & PF_X) != 0 ? 'E' : '-', segment.p_align);
    if (segment.p_type == PT_INTERP && segment.p_filesz != 0) print_interpreter(segment);
  }
}

const char* name_of_symbol(const Elf64_Sym& symbol) {
  if (symbol.st_name != 0) return text_of(symbol.st_name);
  if (ELF64_ST_TYPE(symbol.st_info) != STT_SECTION) return "";
  const auto* const section = follow<Elf64_Shdr>(symbol.st_shndx);
  return section == nullptr ? kCannotTell : text_of(section->sh_name);
}

// The text of one that has no name goes into `number`. What is too large for the field is told by where it leads.
const char* name_of_section_index(const Elf64_Sym& symbol, char (&number)[24]) {
  constexpr unsigned kLargeCommon = 0xff02;  // SHN_X86_64_LCOMMON
  const unsigned index = symbol.st_shndx;
  if (index == SHN_UNDEF) return "UND";
  if (index == SHN_ABS) return "ABS";
  if (index == SHN_COMMON) return "COM";
  if (index == kLargeCommon && file_.machine == EM_X86_64) return "LARGE_COM";
  const auto* const section = index == SHN_XINDEX ? follow<Elf64_Shdr>(symbol.st_shndx) : nullptr;
  if (index == SHN_XINDEX && (section == nullptr || file_.sections == nullptr)) return kCannotTell;
  std::snprintf(number, sizeof number, "%td",
                section != nullptr ? section - file_.sections : std::ptrdiff_t{index});
  return number;
}

void print_symbols(const alloc_info& table, const Entries<Elf64_Sym>& symbols) {
  std::printf("symbols in %s: %zu\n", table.name, symbols.count);
  for (const Elf64_Sym& symbol : symbols) {
    char index[24];
    const char* const where = name_of_section_index(symbol, index);
    std::printf("  %td: %016" PRIx64 " %" PRIu64 " %s ", &symbol - symbols.first, symbol.st_value,
                symbol.st_size, name_of(kSymbolTypes, ELF64_ST_TYPE(symbol.st_info)));
    std::printf("%s ", name_of(kBindings, ELF64_ST_BIND(symbol.st_info)));
    std::printf("%s %s %s\n", name_of(kVisibilities, ELF64_ST_VISIBILITY(symbol.st_other)), where,
                name_of_symbol(symbol));
  }
}

// As other machines have it: the symbol above the type. MIPS has it below, and then one byte after the other of types.
std::uint64_t usual_info(std::uint64_t info) {
  return file_.machine == EM_MIPS
             ? info << 32 | __builtin_bswap32(static_cast<unsigned>(info >> 32))
             : info;
}

void print_type(std::uint64_t info) {
  const auto type = static_cast<unsigned>(ELF64_R_TYPE(info));
  if (file_.machine != EM_MIPS) {
    std::printf("%s", name_of_relocation(file_.machine, type));
    return;
  }
  // Three, done one after the other.
  for (unsigned i = 0; i < 3; ++i)
    std::printf("%s%s", i == 0 ? "" : "/", name_of_relocation(EM_MIPS, type >> (8 * i) & 0xff));
}

void print_relocation(const Elf64_Rel& relocation, const std::int64_t* addend) {
  const std::uint64_t info = usual_info(relocation.r_info);
  std::printf("  %016" PRIx64 " %016" PRIx64 " ", relocation.r_offset, info);
  print_type(info);
  if (ELF64_R_SYM(info) != 0) {
    const auto* const symbol = follow<Elf64_Sym>(relocation.r_info);
    if (symbol == nullptr) {
      std::printf(" %s", kCannotTell);
    } else {
      // Of a function that chooses another at run time the value says little.
      const char* const name = name_of_symbol(*symbol);
      if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) {
        std::printf(" %s() %s", name, name);
      } else {
        std::printf(" %016" PRIx64 " %s", symbol->st_value, name);
      }
    }
    if (addend != nullptr) std::printf(" %c", *addend < 0 ? '-' : '+');
  }
  const bool is_negative = addend != nullptr && *addend < 0 && ELF64_R_SYM(info) != 0;
  if (addend != nullptr)
    std::printf(" %" PRIx64, is_negative ? 0 - static_cast<std::uint64_t>(*addend)
                                         : static_cast<std::uint64_t>(*addend));
  std::putchar('\n');
}

void print_relocations(const alloc_info& table, const Entries<Elf64_Rela>& relocations) {
  std::printf("relocations in %s: %zu\n", table.name, relocations.count);
  for (const Elf64_Rela& each : relocations)
    print_relocation(reinterpret_cast<const Elf64_Rel&>(each), &each.r_addend);
}

void print_needed(const Entries<Elf64_Dyn>& entries) {
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NEEDED) std::printf("needed: %s\n", text_of(entry.d_un));
    if (entry.d_tag == DT_SONAME) std::printf("soname: %s\n", text_of(entry.d_un));
    if (entry.d_tag == DT_NULL) break;
  }
}

// The contents are the name, padded, and then the description.
void print_note(const alloc_info& note) {
  const auto* const header = static_cast<const Elf64_Nhdr*>(note.base);
  const auto* const contents = reinterpret_cast<const unsigned char*>(header + 1);
  std::printf("  %.*s 0x%08x %#x", static_cast<int>(header->n_namesz),
              reinterpret_cast<const char*>(contents), header->n_descsz, header->n_type);
  constexpr unsigned kBuildIdName = 4;
  if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == kBuildIdName &&
      std::memcmp(contents, "GNU", kBuildIdName) == 0) {
    std::printf(" build id ");
    for (unsigned i = 0; i < header->n_descsz; ++i) std::printf("%02x", contents[kBuildIdName + i]);
  }
  std::putchar('\n');
}

void print_notes(const alloc_info& section) {
  bool is_first = true;
  for_each_child(section, [&](const alloc_info& note) {
    if (std::strcmp(note.allocator->name, alloc_note_family(4)->name) != 0) return;
    if (is_first) std::printf("notes in %s\n", section.name);
    is_first = false;
    print_note(note);
  });
}

// ---- the whole file ----

void print_contents(const alloc_info& file) {
  for_each_child(file, [&](const alloc_info& part) {
    if (part.type == nullptr) return;
    if (std::strcmp(uniqtype_name(part.type), "Elf64_Ehdr") == 0)
      print_header(*static_cast<const Elf64_Ehdr*>(part.base));
    if (const Entries<Elf64_Phdr> segments(part, "Elf64_Phdr"); segments.count != 0)
      print_segments(segments);
    if (const Entries<Elf64_Shdr> sections(part, "Elf64_Shdr"); sections.count != 0)
      print_sections(sections);
  });
  for_each_child(file, [&](const alloc_info& part) {
    if (const Entries<Elf64_Sym> symbols(part, "Elf64_Sym"); symbols.count != 0)
      print_symbols(part, symbols);
    if (const Entries<Elf64_Rela> relocations(part, "Elf64_Rela"); relocations.count != 0)
      print_relocations(part, relocations);
    if (const Entries<Elf64_Rel> relocations(part, "Elf64_Rel"); relocations.count != 0) {
      std::printf("relocations in %s: %zu\n", part.name, relocations.count);
      for (const Elf64_Rel& each : relocations) print_relocation(each, nullptr);
    }
    if (const Entries<Elf64_Dyn> entries(part, "Elf64_Dyn"); entries.count != 0)
      print_needed(entries);
    // Only notes are small enough to be looked through for what they are.
    alloc_cursor cursor;
    alloc_info first;
    alloc_begin_children(&part, 0, &cursor);
    if (part.type == nullptr && alloc_next_child(&cursor, &first) == 1 &&
        std::strcmp(first.allocator->name, alloc_note_family(4)->name) == 0)
      print_notes(part);
  });
}

void print_parts(const alloc_info& file) {
  for_each_child(file, [&](const alloc_info& part) {
    alloc_cursor cursor;
    alloc_info element;
    std::size_t elements = 0;
    const char* of = "";
    alloc_begin_children(&part, 0, &cursor);
    for (; alloc_next_child(&cursor, &element) == 1; ++elements) of = element.allocator->name;
    std::printf("%#tx +%#zx %s, %s",
                static_cast<const char*>(part.base) - static_cast<const char*>(file.base),
                part.size, part.name == nullptr ? "(no name)" : part.name,
                uniqtype_name(part.type));
    if (elements != 0) std::printf(", %zu %s", elements, of);
    std::putchar('\n');
  });
}

int print_reference(const alloc_step* place, const alloc_referent* referent, void* context) {
  constexpr const char* kLanguages[] = {"", "offset", "address", "string", "section", "symbol"};
  const char* const base = static_cast<const char*>(static_cast<const alloc_info*>(context)->base);
  char path[512] = "?", target[512] = "?";
  alloc_format_path(alloc_place_base(place), 0, path, sizeof path);
  if (referent->error == ALLOC_OK) {
    if (referent->how == ALLOC_ELF_STRING) {
      std::snprintf(target, sizeof target, "\"%s\"", static_cast<const char*>(referent->at));
    } else if (alloc_format_path(referent->at, 0, target, sizeof target) < 0) {
      std::snprintf(target, sizeof target, "offset %#tx",
                    static_cast<const char*>(referent->at) - base);
    }
  } else {
    std::snprintf(target, sizeof target, "%s", kCannotTell);
  }
  std::printf("%s (%s) -> %s\n", path, kLanguages[referent->how], target);
  return ALLOC_WALK_ON;
}

int print(const char* path, const char* what) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0 || status.st_size == 0) {
    std::fprintf(stderr, "elf_printer: %s: cannot be read\n", path);
    return 1;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (mapped == MAP_FAILED) return 1;
  alloc_info file;
  alloc_query(mapped, 0, &file);
  int error = alloc_make_elf_file(mapped, size);
  if (error == ALLOC_OK) {
    if (std::strcmp(what, "--parts") == 0) {
      print_parts(file);
    } else if (std::strcmp(what, "--references") == 0) {
      alloc_walk_interpreted(&file, alloc_elf_interpreter(), 0, print_reference, &file);
    } else {
      print_contents(file);
    }
    error = alloc_demote(mapped);
  }
  munmap(mapped, size);
  if (error == ALLOC_OK) return 0;
  std::fprintf(stderr, "elf_printer: %s: %s\n", path, alloc_error_message(error));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool has_option = argc > 1 && argv[1][0] == '-';
  const char* const what = has_option ? argv[1] : "";
  if (argc < (has_option ? 3 : 2) ||
      (has_option && std::strcmp(what, "--parts") != 0 && std::strcmp(what, "--references") != 0)) {
    std::fprintf(stderr, "usage: elf_printer [--parts | --references] FILE...\n");
    return 2;
  }
  int status = 0;
  for (int i = has_option ? 2 : 1; i < argc; ++i) {
    if (argc > (has_option ? 3 : 2)) std::printf("file: %s\n", argv[i]);
    status |= print(argv[i], what);
  }
  return status;
}
