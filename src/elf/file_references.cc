// SPDX-License-Identifier: Apache-2.0
#include "elf/file_references.h"

namespace allocs::elf {

namespace {

// ---- what numbers lead to ----

std::optional<Target> bytes_at(const FileView& file, FileBytes at, std::uint64_t size) {
  if (at >= file.size() || !file.has(at, size)) return std::nullopt;
  return Target{at, size};
}

// Is something there in the program that the file lacks?
bool is_absent_from(const FileView& file, std::uint64_t address) {
  if (!file.lacks_contents()) return false;
  for (std::uint32_t i = 1; i < file.section_headers(); ++i) {
    const auto section = file.section_header(i);
    if (section && is_absent(*section) && address - section->sh_addr < section->sh_size)
      return true;
  }
  return false;
}

// Segments say where in the file an address is.
std::optional<Target> at_address(const FileView& file, std::uint64_t address, std::uint64_t size) {
  if (is_absent_from(file, address)) return std::nullopt;
  for (std::uint32_t i = 0; i < file.program_headers(); ++i) {
    const auto segment = file.program_header(i);
    if (!segment || segment->p_type != PT_LOAD || address < segment->p_vaddr) continue;
    const std::uint64_t into = address - segment->p_vaddr;
    if (into >= segment->p_filesz || size > segment->p_filesz - into) continue;
    if (segment->p_offset > file.size()) return std::nullopt;
    return bytes_at(file, segment->p_offset + into, size);
  }
  return std::nullopt;
}

std::optional<Target> in_section(const FileView& file, std::uint32_t index, std::uint64_t into,
                                 std::uint64_t size) {
  const auto section = file.section_header(index);
  if (!section || !has_bytes(*section) || into > section->sh_size || size > section->sh_size - into)
    return std::nullopt;
  if (!file.has(section->sh_offset, section->sh_size)) return std::nullopt;
  return bytes_at(file, section->sh_offset + into, size);
}

std::optional<Target> string_at(const FileView& file, std::uint32_t table, std::uint64_t index) {
  const auto strings = file.section_header(table);
  if (!strings || strings->sh_type != SHT_STRTAB || index >= strings->sh_size ||
      !file.has(strings->sh_offset, strings->sh_size))
    return std::nullopt;
  const FileBytes at = strings->sh_offset + index;
  const auto text = file.text(at, strings->sh_offset + strings->sh_size);
  if (!text) return std::nullopt;
  return Target{at, text->size() + 1};
}

std::optional<Target> header_of_section(const FileView& file, std::uint32_t index) {
  if (index >= file.section_headers()) return std::nullopt;
  return Target{file.header().e_shoff + index * file.size_of<SectionHeader>(),
                file.size_of<SectionHeader>()};
}

std::optional<Target> symbol_at(const FileView& file, std::uint32_t table, std::uint64_t index) {
  const auto symbols = file.section_header(table);
  if (!symbols || (symbols->sh_type != SHT_SYMTAB && symbols->sh_type != SHT_DYNSYM) ||
      symbols->sh_entsize != file.size_of<Symbol>() ||
      index >= symbols->sh_size / file.size_of<Symbol>())
    return std::nullopt;
  return in_section(file, table, index * file.size_of<Symbol>(), file.size_of<Symbol>());
}

std::uint32_t link_of(const FileView& file, std::uint32_t section) {
  const auto header = section == 0 ? std::nullopt : file.section_header(section);
  return header ? header->sh_link : 0;
}

// In an object file addresses count from the start of a section.
bool is_relocatable(const FileView& file) { return file.header().e_type == ET_REL; }

// ---- one structure after the other: first in which language, then to what ----

#define ALLOCS_FIELD(structure, member) offsetof(structure, member)

Language of_file_header(const FileHeader& header, std::uint32_t offset) {
  switch (offset) {
    case ALLOCS_FIELD(FileHeader, e_entry):
      return header.e_entry != 0 ? Language::address : Language::none;
    case ALLOCS_FIELD(FileHeader, e_phoff):
      return header.e_phoff != 0 ? Language::offset : Language::none;
    case ALLOCS_FIELD(FileHeader, e_shoff):
      return header.e_shoff != 0 ? Language::offset : Language::none;
    case ALLOCS_FIELD(FileHeader, e_shstrndx):
      return header.e_shstrndx != SHN_UNDEF ? Language::section : Language::none;
    default:
      return Language::none;
  }
}

Language of_program_header(const FileView& file, const ProgramHeader& segment,
                           std::uint32_t offset) {
  // A segment without bytes in the file is nowhere in it.
  if (segment.p_filesz == 0 || is_absent_from(file, segment.p_vaddr)) return Language::none;
  if (offset == ALLOCS_FIELD(ProgramHeader, p_offset)) return Language::offset;
  const bool is_loaded = segment.p_type == PT_LOAD || segment.p_vaddr != 0;
  return offset == ALLOCS_FIELD(ProgramHeader, p_vaddr) && is_loaded ? Language::address
                                                                     : Language::none;
}

bool info_is_section(const SectionHeader& section) {
  return (section.sh_type == SHT_REL || section.sh_type == SHT_RELA ||
          (section.sh_flags & SHF_INFO_LINK) != 0) &&
         section.sh_info != 0;
}

Language of_section_header(const SectionHeader& section, std::uint32_t offset) {
  if (section.sh_type == SHT_NULL) return Language::none;
  switch (offset) {
    case ALLOCS_FIELD(SectionHeader, sh_name):
      return Language::string;
    case ALLOCS_FIELD(SectionHeader, sh_addr):
      return (section.sh_flags & SHF_ALLOC) != 0 && section.sh_addr != 0 && has_bytes(section)
                 ? Language::address
                 : Language::none;
    case ALLOCS_FIELD(SectionHeader, sh_offset):
      return has_bytes(section) ? Language::offset : Language::none;
    case ALLOCS_FIELD(SectionHeader, sh_link):
      return section.sh_link != 0 ? Language::section : Language::none;
    case ALLOCS_FIELD(SectionHeader, sh_info):
      if (section.sh_type == SHT_GROUP) return Language::symbol;  // its signature
      return info_is_section(section) ? Language::section : Language::none;
    default:
      return Language::none;
  }
}

bool is_in_section(const Symbol& symbol) {
  return symbol.st_shndx == SHN_XINDEX ||
         (symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < SHN_LORESERVE);
}

// The index of the symbol's section. One that is too large for its field is at the same place in a table of such.
std::optional<std::uint32_t> section_of(const FileView& file, const Symbol& symbol,
                                        const Field& field) {
  if (symbol.st_shndx != SHN_XINDEX) return symbol.st_shndx;
  const auto symbols = file.section_header(field.section);
  const auto indices = field.indices == 0 ? std::nullopt : file.section_header(field.indices);
  if (!symbols || !indices || indices->sh_type != SHT_SYMTAB_SHNDX ||
      field.at < symbols->sh_offset || !file.has(indices->sh_offset, indices->sh_size))
    return std::nullopt;
  const std::uint64_t number = (field.at - symbols->sh_offset) / file.size_of<Symbol>();
  if (number >= indices->sh_size / sizeof(std::uint32_t)) return std::nullopt;
  return file.read<std::uint32_t>(indices->sh_offset + number * sizeof(std::uint32_t));
}

Language of_symbol(const Symbol& symbol, std::uint32_t offset) {
  switch (offset) {
    case ALLOCS_FIELD(Symbol, st_name):
      return symbol.st_name != 0 ? Language::string : Language::none;
    case ALLOCS_FIELD(Symbol, st_shndx):
      return is_in_section(symbol) ? Language::section : Language::none;
    case ALLOCS_FIELD(Symbol, st_value):
      // A thread-local's value counts from the start of the thread's block.
      return is_in_section(symbol) && ELF64_ST_TYPE(symbol.st_info) != STT_TLS ? Language::address
                                                                               : Language::none;
    default:
      return Language::none;
  }
}

Language of_dynamic_entry(const DynamicEntry& entry, std::uint32_t offset) {
  if (offset != ALLOCS_FIELD(DynamicEntry, d_un)) return Language::none;
  switch (entry.d_tag) {
    case DT_NEEDED:
    case DT_SONAME:
    case DT_RPATH:
    case DT_RUNPATH:
    case DT_AUXILIARY:
    case DT_FILTER:
      return Language::string;
    case DT_HASH:
    case DT_GNU_HASH:
    case DT_STRTAB:
    case DT_SYMTAB:
    case DT_RELA:
    case DT_REL:
    case DT_RELR:
    case DT_JMPREL:
    case DT_PLTGOT:
    case DT_INIT:
    case DT_FINI:
    case DT_INIT_ARRAY:
    case DT_FINI_ARRAY:
    case DT_PREINIT_ARRAY:
    case DT_VERSYM:
    case DT_VERNEED:
    case DT_VERDEF:
      return entry.d_un.d_ptr != 0 ? Language::address : Language::none;
    default:
      return Language::none;
  }
}

Language of_relocation(const FileView& file, const Elf64_Rel& relocation, const Field& field) {
  if (field.offset == ALLOCS_FIELD(Elf64_Rel, r_offset)) {
    const auto section = file.section_header(field.section);
    const bool has_place = !is_relocatable(file) || (section && section->sh_info != 0);
    return has_place ? Language::address : Language::none;
  }
  const bool names_symbol = symbol_of_relocation(file, relocation.r_info) != 0;
  return field.offset == ALLOCS_FIELD(Elf64_Rel, r_info) && names_symbol ? Language::symbol
                                                                         : Language::none;
}

template <typename T, typename Of>
Language language_in(const FileView& file, const Field& field, Of of) {
  const auto value = file.read<T>(field.at);
  return value ? of(*value) : Language::none;
}

std::optional<Target> of_header(const FileView& file, const Field& field) {
  const auto header = file.read<FileHeader>(field.at);
  if (!header) return std::nullopt;
  switch (field.offset) {
    case ALLOCS_FIELD(FileHeader, e_entry):
      return at_address(file, header->e_entry, 0);
    case ALLOCS_FIELD(FileHeader, e_phoff):
      if (file.program_headers() == 0) return std::nullopt;
      return bytes_at(file, header->e_phoff,
                      file.program_headers() * file.size_of<ProgramHeader>());
    case ALLOCS_FIELD(FileHeader, e_shoff):
      if (file.section_headers() == 0) return std::nullopt;
      return bytes_at(file, header->e_shoff,
                      file.section_headers() * file.size_of<SectionHeader>());
    default:
      if (file.section_names() == 0) return std::nullopt;
      return header_of_section(file, file.section_names());
  }
}

std::optional<Target> of_segment(const FileView& file, const Field& field) {
  const auto segment = file.read<ProgramHeader>(field.at);
  if (!segment) return std::nullopt;
  return field.offset == ALLOCS_FIELD(ProgramHeader, p_offset)
             ? bytes_at(file, segment->p_offset, segment->p_filesz)
             : at_address(file, segment->p_vaddr, segment->p_filesz);
}

std::optional<Target> of_section(const FileView& file, const Field& field) {
  const auto section = file.read<SectionHeader>(field.at);
  if (!section) return std::nullopt;
  switch (field.offset) {
    case ALLOCS_FIELD(SectionHeader, sh_name):
      return string_at(file, file.section_names(), section->sh_name);
    case ALLOCS_FIELD(SectionHeader, sh_addr):
      return at_address(file, section->sh_addr, section->sh_size);
    case ALLOCS_FIELD(SectionHeader, sh_offset):
      return bytes_at(file, section->sh_offset, section->sh_size);
    case ALLOCS_FIELD(SectionHeader, sh_link):
      return header_of_section(file, section->sh_link);
    default:
      return section->sh_type == SHT_GROUP ? symbol_at(file, section->sh_link, section->sh_info)
                                           : header_of_section(file, section->sh_info);
  }
}

std::optional<Target> of_symbol_field(const FileView& file, const Field& field) {
  const auto symbol = file.read<Symbol>(field.at);
  if (!symbol) return std::nullopt;
  switch (field.offset) {
    case ALLOCS_FIELD(Symbol, st_name):
      return string_at(file, link_of(file, field.section), symbol->st_name);
    case ALLOCS_FIELD(Symbol, st_shndx): {
      const auto section = section_of(file, *symbol, field);
      return section && *section != SHN_UNDEF ? header_of_section(file, *section) : std::nullopt;
    }
    default: {
      if (!is_relocatable(file)) return at_address(file, symbol->st_value, symbol->st_size);
      const auto section = section_of(file, *symbol, field);
      return section ? in_section(file, *section, symbol->st_value, symbol->st_size) : std::nullopt;
    }
  }
}

std::optional<Target> of_relocation_field(const FileView& file, const Field& field) {
  const auto relocation = file.read<Elf64_Rel>(field.at);
  if (!relocation) return std::nullopt;
  if (field.offset == ALLOCS_FIELD(Elf64_Rel, r_info))
    return symbol_at(file, link_of(file, field.section),
                     symbol_of_relocation(file, relocation->r_info));
  if (!is_relocatable(file)) return at_address(file, relocation->r_offset, 0);
  const auto section = file.section_header(field.section);
  return section ? in_section(file, section->sh_info, relocation->r_offset, 0) : std::nullopt;
}

std::optional<Target> of_dynamic_field(const FileView& file, const Field& field) {
  const auto entry = file.read<DynamicEntry>(field.at);
  if (!entry) return std::nullopt;
  return of_dynamic_entry(*entry, field.offset) == Language::string
             ? string_at(file, link_of(file, field.section), entry->d_un.d_val)
             : at_address(file, entry->d_un.d_ptr, 0);
}

std::optional<Target> of_word(const FileView& file, const Field& field) {
  const auto word = file.read_address(field.at);
  return word ? at_address(file, *word, 0) : std::nullopt;
}

#undef ALLOCS_FIELD

// The field as of the structure of the 64-bit class. kNoField for its offset if none begins there.
Field in_own_class(const FileView& file, const Field& field) {
  const auto with = [&](std::uint32_t offset) {
    Field own = field;
    own.offset = offset;
    return own;
  };
  const FileForm form = file.form();
  switch (field.structure) {
    case Structure::file_header:
      return with(field_in<FileHeader>(form, field.offset));
    case Structure::program_header:
      return with(field_in<ProgramHeader>(form, field.offset));
    case Structure::section_header:
      return with(field_in<SectionHeader>(form, field.offset));
    case Structure::symbol:
      return with(field_in<Symbol>(form, field.offset));
    case Structure::relocation:
      return with(field_in<Elf64_Rel>(form, field.offset));
    case Structure::dynamic_entry:
      return with(field_in<DynamicEntry>(form, field.offset));
    case Structure::address:
      return field;
  }
  return field;
}

Language language_of_own(const FileView& file, const Field& field) {
  switch (field.structure) {
    case Structure::file_header:
      return language_in<FileHeader>(
          file, field, [&](const auto& value) { return of_file_header(value, field.offset); });
    case Structure::program_header:
      return language_in<ProgramHeader>(file, field, [&](const auto& value) {
        return of_program_header(file, value, field.offset);
      });
    case Structure::section_header:
      return language_in<SectionHeader>(
          file, field, [&](const auto& value) { return of_section_header(value, field.offset); });
    case Structure::symbol:
      return language_in<Symbol>(file, field,
                                 [&](const auto& value) { return of_symbol(value, field.offset); });
    case Structure::relocation:
      return language_in<Elf64_Rel>(
          file, field, [&](const auto& value) { return of_relocation(file, value, field); });
    case Structure::dynamic_entry:
      return language_in<DynamicEntry>(
          file, field, [&](const auto& value) { return of_dynamic_entry(value, field.offset); });
    case Structure::address:
      // What the dynamic linker fills in is not in the file.
      return file.read_address(field.at).value_or(0) != 0 && !is_relocatable(file)
                 ? Language::address
                 : Language::none;
  }
  return Language::none;
}

}  // namespace

Language language_of(const FileView& file, const Field& field) {
  return language_of_own(file, in_own_class(file, field));
}

std::optional<Target> target_of(const FileView& file, const Field& place) {
  const Field field = in_own_class(file, place);
  if (language_of_own(file, field) == Language::none) return std::nullopt;
  switch (field.structure) {
    case Structure::file_header:
      return of_header(file, field);
    case Structure::program_header:
      return of_segment(file, field);
    case Structure::section_header:
      return of_section(file, field);
    case Structure::symbol:
      return of_symbol_field(file, field);
    case Structure::relocation:
      return of_relocation_field(file, field);
    case Structure::dynamic_entry:
      return of_dynamic_field(file, field);
    case Structure::address:
      return of_word(file, field);
  }
  return std::nullopt;
}

}  // namespace allocs::elf
