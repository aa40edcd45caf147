// SPDX-License-Identifier: Apache-2.0
// Prints an ELF file from the tree of its allocations: `elf_printer FILE...` its headers, sections, symbols, relocations and notes; `--parts` what lies
// where; `--references` every reference in it, and to what it leads. No offset in the file is computed here: tables are found by their types, and
// everything that refers to something is asked where that is. Which class and which order of bytes
// a file is of, the types tell.
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

#include "elf_names.h"
#include "elf_relocations.h"
#include "elf_table.h"

namespace {

constexpr const char* kCannotTell = "(cannot tell)";

// What the field there refers to; nullptr if that cannot be told.
const char* follow(const char* field) {
  alloc_referent referent;
  if (alloc_interpret(field, alloc_elf_interpreter(), 0, &referent) != ALLOC_OK) return nullptr;
  return static_cast<const char*>(referent.at);
}
const char* text_of(const char* field) {
  const char* const text = follow(field);
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

// ---- one kind of thing after the other ----

// What the file's headers say, for what is printed after them.
struct {
  bool is_of_gnu = false;  // the system that it is for: some flags are GNU's
  bool is_32 = false;
  bool is_big_endian = false;
  unsigned machine = 0;
  int digits = 16;  // of an address
  SectionFields section;
  SymbolFields symbol;
  const Table* sections = nullptr;
} file_;

void print_header(const alloc_info& part) {
  const char* const header = static_cast<const char*>(part.base);
  const Field entry(part.type, "e_entry");
  const auto number = [&](const char* name) {
    return static_cast<unsigned>(Field(part.type, name).of(header));
  };
  file_.is_of_gnu = header[EI_OSABI] == ELFOSABI_GNU;
  file_.is_32 = entry.size == 4;
  file_.is_big_endian = entry.is_big_endian;
  file_.digits = file_.is_32 ? 8 : 16;
  file_.machine = number("e_machine");
  std::printf("header: type %u, machine %u, entry %#" PRIx64 "\n", number("e_type"), file_.machine,
              entry.of(header));
}

const char* name_of_segment_type(std::uint32_t type) {
  const std::uint32_t own = type - PT_LOPROC;
  const char* const name = file_.machine == EM_MIPS    ? name_in(kSegmentTypesOfMips, own)
                           : file_.machine == EM_ARM   ? name_in(kSegmentTypesOfArm, own)
                           : file_.machine == EM_RISCV ? name_in(kSegmentTypesOfRiscv, own)
                                                       : nullptr;
  return name != nullptr ? name : name_of(kSegmentTypes, type);
}

const char* name_of_section_type(std::uint32_t type) {
  const std::uint32_t own = type - SHT_LOPROC;
  const char* const name = file_.machine == EM_X86_64  ? name_in(kSectionTypesOfX86, own)
                           : file_.machine == EM_MIPS  ? name_in(kSectionTypesOfMips, own)
                           : file_.machine == EM_RISCV ? name_in(kSectionTypesOfRiscv, own)
                           : file_.machine == EM_ARM   ? name_in(kSectionTypesOfArm, own)
                                                       : nullptr;
  return name != nullptr ? name : name_of(kSectionTypes, type);
}

void print_sections(const Table& sections) {
  std::printf("sections: %zu\n", sections.count());
  const SectionFields& of = file_.section;
  for (std::size_t i = 0; i < sections.count(); ++i) {
    const char* const section = sections[i];
    const std::uint64_t bits = of.flags.of(section);
    char flags[32] = "";
    std::size_t length = 0;
    for (const Flag& each : kSectionFlags) {
      if ((bits & each.bit) == 0) continue;
      const bool is_of_other = each.letter == 'l' && file_.machine != EM_X86_64;
      if (each.letter != 'o' || !file_.is_of_gnu) flags[length++] = is_of_other ? 'p' : each.letter;
      for (const Flag& gnu : kGnuFlags) {
        if (each.letter == 'o' && file_.is_of_gnu && (bits & gnu.bit) != 0)
          flags[length++] = gnu.letter;
      }
    }
    const auto type = static_cast<std::uint32_t>(of.type.of(section));
    std::printf("  [%2zu] %s %0*" PRIx64 " %06" PRIx64 " %06" PRIx64 " %02" PRIx64 " %s %" PRIu64
                " %" PRIu64 " %" PRIu64 " %s\n",
                i, name_of_section_type(type), file_.digits, of.address.of(section),
                of.offset.of(section), of.size.of(section), of.entry.of(section),
                length == 0 ? "-" : flags, of.link.of(section), of.info.of(section),
                of.alignment.of(section), type == SHT_NULL ? "" : text_of(of.name.at(section)));
  }
}

// (In a file of debug information beside its program it is not there.)
void print_interpreter(const char* path, std::uint64_t size) {
  std::printf("    interpreter %.*s\n",
              path == nullptr ? -1 : static_cast<int>(strnlen(path, size)),
              path == nullptr ? kCannotTell : path);
}

void print_segments(const Table& segments) {
  std::printf("segments: %zu\n", segments.count());
  const SegmentFields of(segments.type());
  const int digits = file_.digits, digits_of_size = file_.is_32 ? 5 : 6;
  for (std::size_t i = 0; i < segments.count(); ++i) {
    const char* const segment = segments[i];
    const auto type = static_cast<std::uint32_t>(of.type.of(segment));
    const std::uint64_t flags = of.flags.of(segment);
    std::printf("  %s 0x%06" PRIx64 " 0x%0*" PRIx64 " 0x%0*" PRIx64 " 0x%0*" PRIx64 " 0x%0*" PRIx64
                " %c%c%c %#" PRIx64 "\n",
                name_of_segment_type(type), of.offset.of(segment), digits, of.address.of(segment),
                digits, of.physical.of(segment), digits_of_size, of.in_file.of(segment),
                digits_of_size, of.in_memory.of(segment), (flags & PF_R) != 0 ? 'R' : '-',
                (flags & PF_W) != 0 ? 'W' : '-', (flags & PF_X) != 0 ? 'E' : '-',
                of.alignment.of(segment));
    if (type == PT_INTERP && of.in_file.of(segment) != 0)
      print_interpreter(follow(of.offset.at(segment)), of.in_file.of(segment));
  }
}

// ---- symbols ----

const char* name_of_symbol(const char* symbol) {
  const SymbolFields& of = file_.symbol;
  if (of.name.of(symbol) != 0) return text_of(of.name.at(symbol));
  if (ELF64_ST_TYPE(of.info.of(symbol)) != STT_SECTION) return "";
  const char* const section = follow(of.section.at(symbol));
  return section == nullptr ? kCannotTell : text_of(file_.section.name.at(section));
}

// The text of one that has no name goes into `number`. What is too large for the field is told by where it leads.
const char* name_of_section_index(const char* symbol, char (&number)[24]) {
  constexpr unsigned kLargeCommon = 0xff02;  // SHN_X86_64_LCOMMON
  const auto index = static_cast<unsigned>(file_.symbol.section.of(symbol));
  if (index == SHN_UNDEF) return "UND";
  if (index == SHN_ABS) return "ABS";
  if (index == SHN_COMMON) return "COM";
  if (index == kLargeCommon && file_.machine == EM_X86_64) return "LARGE_COM";
  const char* const section =
      index == SHN_XINDEX ? follow(file_.symbol.section.at(symbol)) : nullptr;
  if (index == SHN_XINDEX && (section == nullptr || file_.sections == nullptr)) return kCannotTell;
  std::snprintf(number, sizeof number, "%zu",
                section != nullptr ? file_.sections->index_of(section) : std::size_t{index});
  return number;
}

void print_symbols(const alloc_info& part, const Table& symbols) {
  std::printf("symbols in %s: %zu\n", part.name, symbols.count());
  const SymbolFields& of = file_.symbol;
  for (std::size_t i = 0; i < symbols.count(); ++i) {
    const char* const symbol = symbols[i];
    const std::uint64_t info = of.info.of(symbol);
    char index[24];
    const char* const where = name_of_section_index(symbol, index);
    std::printf("  %zu: %0*" PRIx64 " %" PRIu64 " %s ", i, file_.digits, of.value.of(symbol),
                of.size.of(symbol), name_of(kSymbolTypes, ELF64_ST_TYPE(info)));
    std::printf("%s ", name_of(kBindings, ELF64_ST_BIND(info)));
    std::printf("%s %s %s\n", name_of(kVisibilities, ELF64_ST_VISIBILITY(of.other.of(symbol))),
                where, name_of_symbol(symbol));
  }
}

// ---- relocations ----

bool is_mips64() { return file_.machine == EM_MIPS && !file_.is_32; }

// r_info as the 64-bit class of most machines has it: the symbol above the type. MIPS has, where numbers are little-endian, the symbol below, and then one byte after the other of types.
std::uint64_t usual_info(std::uint64_t info) {
  if (file_.is_32) return info >> 8 << 32 | (info & 0xff);
  if (!is_mips64() || file_.is_big_endian) return info;
  return info << 32 | __builtin_bswap32(static_cast<unsigned>(info >> 32));
}

void print_type(std::uint64_t info) {
  const auto type = static_cast<unsigned>(ELF64_R_TYPE(info));
  if (!is_mips64()) {
    std::printf("%s", name_of_relocation(file_.machine, type));
    return;
  }
  // Three, done one after the other.
  for (unsigned i = 0; i < 3; ++i)
    std::printf("%s%s", i == 0 ? "" : "/", name_of_relocation(EM_MIPS, type >> (8 * i) & 0xff));
}

void print_symbol_of_relocation(const char* symbol) {
  if (symbol == nullptr) {
    std::printf(" %s", kCannotTell);
    return;
  }
  // Of a function that chooses another at run time the value says little.
  const char* const name = name_of_symbol(symbol);
  if (ELF64_ST_TYPE(file_.symbol.info.of(symbol)) == STT_GNU_IFUNC) {
    std::printf(" %s() %s", name, name);
  } else {
    std::printf(" %0*" PRIx64 " %s", file_.digits, file_.symbol.value.of(symbol), name);
  }
}

void print_relocations(const alloc_info& part, const Table& relocations) {
  std::printf("relocations in %s: %zu\n", part.name, relocations.count());
  const RelocationFields of(relocations.type());
  const bool has_addend = of.addend.size != 0;
  for (std::size_t i = 0; i < relocations.count(); ++i) {
    const char* const relocation = relocations[i];
    const std::uint64_t written = of.info.of(relocation), info = usual_info(written);
    std::printf("  %0*" PRIx64 " %0*" PRIx64 " ", file_.digits, of.offset.of(relocation),
                file_.digits, file_.is_32 ? written : info);
    print_type(info);
    const bool has_symbol = ELF64_R_SYM(info) != 0;
    if (has_symbol) print_symbol_of_relocation(follow(of.info.at(relocation)));
    const auto addend = static_cast<std::int64_t>(of.addend.of(relocation));
    const bool is_negative = addend < 0 && has_symbol;
    if (has_addend && has_symbol) std::printf(" %c", is_negative ? '-' : '+');
    const std::uint64_t distance =
        is_negative ? 0 - static_cast<std::uint64_t>(addend) : static_cast<std::uint64_t>(addend);
    if (has_addend) std::printf(" %" PRIx64, file_.is_32 ? distance & 0xffffffff : distance);
    // This type has a second addend, above it.
    const auto type = static_cast<unsigned>(ELF64_R_TYPE(info));
    if (file_.machine == EM_SPARCV9 && (type & 0xff) == R_SPARC_OLO10)
      std::printf(" + %x", type >> 8);
    std::putchar('\n');
  }
}

// ---- the rest ----

void print_needed(const Table& entries) {
  const Field tag(entries.type(), "d_tag"), value(entries.type(), "d_un");
  for (std::size_t i = 0; i < entries.count() && tag.of(entries[i]) != DT_NULL; ++i) {
    if (tag.of(entries[i]) == DT_NEEDED) std::printf("needed: %s\n", text_of(value.at(entries[i])));
    if (tag.of(entries[i]) == DT_SONAME) std::printf("soname: %s\n", text_of(value.at(entries[i])));
  }
}

// The contents are the name, padded, and then the description.
void print_note(const alloc_info& note) {
  const char* const header = static_cast<const char*>(note.base);
  const auto number = [&](const char* name) {
    return static_cast<unsigned>(Field(note.type, name).of(header));
  };
  const unsigned name_size = number("n_namesz"), size = number("n_descsz"), type = number("n_type");
  const auto* const contents =
      reinterpret_cast<const unsigned char*>(Field(note.type, "n_contents").at(header));
  std::printf("  %.*s 0x%08x %#x", static_cast<int>(name_size),
              reinterpret_cast<const char*>(contents), size, type);
  constexpr unsigned kBuildIdName = 4;
  if (type == NT_GNU_BUILD_ID && name_size == kBuildIdName &&
      std::memcmp(contents, "GNU", kBuildIdName) == 0) {
    std::printf(" build id ");
    for (unsigned i = 0; i < size; ++i) std::printf("%02x", contents[kBuildIdName + i]);
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

// How its structures are laid out, and where its sections are told.
void look_over(const alloc_info& file, alloc_info& sections) {
  for_each_child(file, [&](const alloc_info& part) {
    if (const Table table(part, "Shdr"); table.count() != 0) {
      file_.section = SectionFields(table.type());
      sections = part;
    }
    if (const Table table(part, "Sym"); table.count() != 0)
      file_.symbol = SymbolFields(table.type());
  });
}

void print_contents(const alloc_info& file) {
  alloc_info part_of_sections{};
  file_ = {};
  look_over(file, part_of_sections);
  const Table sections(part_of_sections, "Shdr");
  if (sections.count() != 0) file_.sections = &sections;
  for_each_child(file, [&](const alloc_info& part) {
    if (is_structure(part.type, "Ehdr")) print_header(part);
    if (const Table segments(part, "Phdr"); segments.count() != 0) print_segments(segments);
    if (const Table table(part, "Shdr"); table.count() != 0) print_sections(table);
  });
  for_each_child(file, [&](const alloc_info& part) {
    if (const Table symbols(part, "Sym"); symbols.count() != 0) print_symbols(part, symbols);
    for (const char* const kind : {"Rela", "Rel"}) {
      if (const Table relocations(part, kind); relocations.count() != 0)
        print_relocations(part, relocations);
    }
    if (const Table entries(part, "Dyn"); entries.count() != 0) print_needed(entries);
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
