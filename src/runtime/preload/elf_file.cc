// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/elf_file.h"

#include <algorithm>

#include "runtime/self/pool_memory.h"
#include "runtime/self/registered.h"

namespace allocs::preload {

namespace {

using elf::FilePart;
using elf::FileView;
using elf::PartKind;
using elf::SectionHeader;

// ---- what is in a section ----

// The structure that a section of that type is an array of, if its entries have the size of those.
ElfType element_by_type(const FileView& file, const SectionHeader& section, std::size_t& size) {
  switch (section.sh_type) {
    case SHT_SYMTAB:
    case SHT_DYNSYM:
      size = file.size_of<Elf64_Sym>();
      return ElfType::symbol;
    case SHT_RELA:
      size = file.size_of<Elf64_Rela>();
      return ElfType::relocation_with_addend;
    case SHT_REL:
      size = file.size_of<Elf64_Rel>();
      return ElfType::relocation;
    case SHT_DYNAMIC:
      size = file.size_of<Elf64_Dyn>();
      return ElfType::dynamic_entry;
    case SHT_INIT_ARRAY:
    case SHT_FINI_ARRAY:
    case SHT_PREINIT_ARRAY:
    case SHT_RELR:
      size = file.address_size();
      return ElfType::address;
    case SHT_HASH:
      // Two machines have larger ones.
      if (section.sh_entsize == sizeof(Elf64_Xword)) {
        size = sizeof(Elf64_Xword);
        return ElfType::xword;
      }
      [[fallthrough]];
    case SHT_GROUP:
    case SHT_SYMTAB_SHNDX:
      size = sizeof(Elf64_Word);
      return ElfType::word;
    case SHT_GNU_versym:
      size = sizeof(Elf64_Half);
      return ElfType::half;
    default:
      size = 0;
      return ElfType::count_;
  }
}

const alloc_sequence_family* family_by_type(const FileView& file, const SectionHeader& section) {
  if ((section.sh_flags & SHF_COMPRESSED) != 0) return nullptr;
  constexpr std::size_t kWide = 8, kUsual = 4;
  if (section.sh_type == SHT_STRTAB) return alloc_string_family();
  if (section.sh_type == SHT_NOTE)
    return alloc_note_family((section.sh_addralign == kWide ? kWide : kUsual) |
                             (file.form().is_big_endian ? std::size_t{ALLOC_NOTES_BIG_ENDIAN} : 0));
  if (section.sh_type != SHT_PROGBITS) return nullptr;
  if ((section.sh_flags & SHF_STRINGS) != 0 && section.sh_entsize == 1)
    return alloc_string_family();
  const bool is_code = (section.sh_flags & SHF_EXECINSTR) != 0;
  return is_code && file.header().e_machine == EM_X86_64 ? alloc_x86_family() : nullptr;
}

// False when memory runs out.
bool describe_section(const FileView& file, const FilePart& part, PartContents& contents) {
  const auto section = file.section_header(part.section);
  if (!section) return true;
  std::size_t size = 0;
  const ElfType element = element_by_type(file, *section, size);
  // Compilers leave the size of entries out where the type says all.
  if (size != 0 && (section->sh_entsize == size || section->sh_entsize == 0))
    contents.element = element;
  contents.family = family_by_type(file, *section);
  if (contents.family == nullptr) return true;
  if (contents.family == alloc_string_family()) contents.element = ElfType::characters;
  if (contents.family == alloc_x86_family()) contents.element = ElfType::bytes;
  contents.elements = allocator_of_family(contents.family);
  contents.is_constant_sequence = is_constant(*contents.family);
  return contents.elements != nullptr;
}

bool describe(const FileView& file, const FilePart& part, PartContents& contents) {
  contents = {};
  switch (part.kind) {
    case PartKind::file_header:
      contents.element = ElfType::file_header;
      contents.is_one = true;
      return true;
    case PartKind::program_headers:
      contents.element = ElfType::program_header;
      return true;
    case PartKind::section_headers:
      contents.element = ElfType::section_header;
      return true;
    case PartKind::section:
    case PartKind::segment:
      return describe_section(file, part, contents);
  }
  return true;
}

// ---- answers ----

const char* name_of(const ElfFileTable& table, const FilePart& part) {
  switch (part.kind) {
    case PartKind::file_header:
      return "ELF header";
    case PartKind::program_headers:
      return "program headers";
    case PartKind::section_headers:
      return "section headers";
    case PartKind::section:
    case PartKind::segment:
      break;
  }
  const auto file = table.open();
  if (const auto* const implied = file ? file->implied_section(part.section) : nullptr)
    return implied->name;
  const auto section = file ? file->section_header(part.section) : std::nullopt;
  const auto name = section ? file->section_name(*section) : std::nullopt;
  return name && !name->empty() ? name->data() : nullptr;
}

int put_part(ElfFileTable& table, const FilePart& part, alloc_info* child) {
  const PartContents& contents = table.contents()[&part - table.parts()];
  child->allocator = &g_elf_allocator;
  child->base = table.begin + part.begin;
  child->size = part.end - part.begin;
  child->name = name_of(table, part);
  if (contents.element != ElfType::count_)
    child->type = contents.is_one ? elf_type(contents.element, table.form)
                                  : elf_array_type(contents.element, table.form);
  return ALLOC_OK;
}

Sequence sequence_in(ElfFileTable& table, const FilePart& part) {
  const PartContents& contents = table.contents()[&part - table.parts()];
  if (contents.family == nullptr) return {};
  const auto* const bytes = reinterpret_cast<const char*>(table.begin);
  return {.family = contents.family,
          .begin = bytes + part.begin,
          .end = bytes + part.end,
          .starts = contents.is_constant_sequence ? table.starts() + contents.starts : nullptr};
}

ElfFileTable* table_of(const alloc_info& parent) {
  void* const memory = self::pool_memory_of(parent);
  return memory != nullptr ? static_cast<ElfFileTable*>(memory) : table_around(parent.base);
}

// The part that contains `at`, or the first one that begins at or above it.
int look_in_file(ElfFileTable& table, const void* at, bool or_next, alloc_info* child) {
  const auto* const place = static_cast<const std::byte*>(at);
  if (place < table.begin && !or_next) return ALLOC_E_NOTHING_THERE;
  const auto offset = place < table.begin ? 0 : static_cast<std::uint64_t>(place - table.begin);
  const FilePart* part = elf::find_part(table.parts(), table.count, offset, or_next);
  if (or_next && part != nullptr && part->begin < offset) ++part;
  const bool is_one = part != nullptr && part != table.parts() + table.count;
  return is_one ? put_part(table, *part, child) : ALLOC_E_NOTHING_THERE;
}

// The same for the elements of a section.
int look_in_part(ElfFileTable& table, const FilePart& part, const void* at, bool or_next,
                 alloc_info* child) {
  const Sequence sequence = sequence_in(table, part);
  if (sequence.family == nullptr) return ALLOC_E_NOTHING_THERE;
  const auto* const place = static_cast<const char*>(at);
  Element element;
  const bool is_found =
      or_next ? element_from(sequence, place, element) : element_around(sequence, place, element);
  if (!is_found) return ALLOC_E_NOTHING_THERE;
  child->allocator = table.contents()[&part - table.parts()].elements;
  return put_element(element, child);
}

int look(const alloc_info& parent, const void* at, bool or_next, alloc_info* child) {
  const self::PoolReader reader;
  ElfFileTable* const table = table_of(parent);
  if (table == nullptr) return ALLOC_E_NOTHING_THERE;
  if (parent.allocator != &g_elf_allocator) return look_in_file(*table, at, or_next, child);
  const FilePart* const part = part_at(*table, offset_in(*table, parent.base));
  return part == nullptr ? ALLOC_E_NOTHING_THERE : look_in_part(*table, *part, at, or_next, child);
}

int find(void*, const alloc_info* parent, const void* at, unsigned, alloc_info* child) {
  return look(*parent, at, false, child);
}
int next(void*, const alloc_info* parent, const void* from, unsigned, alloc_info* child) {
  return look(*parent, from, true, child);
}

}  // namespace

constinit allocator g_elf_allocator{"ELF file"};
constinit const alloc_protocol kElfProtocol{.size = sizeof(alloc_protocol),
                                            .context = nullptr,
                                            .find = find,
                                            .next = next,
                                            .get_traits = get_traits_of_part,
                                            .make = nullptr,
                                            .resize = nullptr,
                                            .release = nullptr,
                                            .set_type = nullptr};

namespace {

// The parts and what is in them, as they are found: the file may be written to meanwhile, so all is read once.
struct Draft {
  FilePart* parts = nullptr;
  PartContents* contents = nullptr;
  std::size_t count = 0;
  std::size_t starts = 0;
  const elf::ImpliedSection* implied = nullptr;
  std::size_t implied_count = 0;
};

// The tables of indices that are too large for symbols: each says of which symbols it is. The first one is believed.
void find_indices(const FileView& file, Draft& draft) {
  for (std::size_t i = 0; i < draft.count; ++i) {
    const FilePart& part = draft.parts[i];
    const auto table =
        part.kind == PartKind::section ? file.section_header(part.section) : std::nullopt;
    if (!table || table->sh_type != SHT_SYMTAB_SHNDX) continue;
    const auto symbols = file.section_header(table->sh_link);
    const FilePart* const of =
        symbols ? elf::find_part(draft.parts, draft.count, symbols->sh_offset, false) : nullptr;
    if (of == nullptr || of->kind != PartKind::section || of->section != table->sh_link) continue;
    std::uint32_t& indices = draft.contents[of - draft.parts].indices;
    if (indices == 0) indices = part.section;
  }
}

bool draft_table(const FileView& file, void* memory, Draft& draft) {
  draft.parts = static_cast<FilePart*>(memory);
  draft.contents = reinterpret_cast<PartContents*>(draft.parts + elf::most_parts(file));
  draft.count = elf::list_parts(file, draft.parts);
  for (std::size_t i = 0; i < draft.count; ++i) {
    PartContents& contents = draft.contents[i];
    if (!describe(file, draft.parts[i], contents)) return false;
    contents.starts = draft.starts;
    if (contents.is_constant_sequence)
      draft.starts += starts_needed(*contents.family, draft.parts[i].end - draft.parts[i].begin);
  }
  find_indices(file, draft);
  return true;
}

ElfFileTable* table_from(const FileView& file, const std::byte* begin, const Draft& draft) {
  auto* const table = static_cast<ElfFileTable*>(self::take_pool_memory(
      sizeof(ElfFileTable) + draft.count * (sizeof(FilePart) + sizeof(PartContents)) +
      draft.implied_count * sizeof(elf::ImpliedSection) + draft.starts * sizeof(FoundStart)));
  if (table == nullptr) return nullptr;
  table->begin = begin;
  table->size = file.size();
  table->form = file.form();
  table->count = draft.count;
  table->implied_count = draft.implied_count;
  table->lacks_contents = elf::find_lack_of_contents(file);
  std::copy_n(draft.implied, draft.implied_count, table->implied());
  for (std::size_t i = 0; i < draft.count; ++i) {
    table->parts()[i] = draft.parts[i];
    table->contents()[i] = draft.contents[i];
  }
  return table;
}

}  // namespace

ElfFileTable* make_table(FileView file, const std::byte* begin) {
  Draft draft;
  void* implied = nullptr;
  if (elf::lacks_sections(file)) {
    implied =
        self::take_pool_memory(elf::most_implied_sections(file) * sizeof(elf::ImpliedSection));
    if (implied == nullptr) return nullptr;
    auto* const sections = static_cast<elf::ImpliedSection*>(implied);
    draft.implied_count = elf::list_implied_sections(file, sections);
    draft.implied = sections;
    file.use_implied(draft.implied, draft.implied_count);
  }
  void* const memory =
      self::take_pool_memory(elf::most_parts(file) * (sizeof(FilePart) + sizeof(PartContents)));
  ElfFileTable* const table = memory != nullptr && draft_table(file, memory, draft)
                                  ? table_from(file, begin, draft)
                                  : nullptr;
  self::give_back_pool_memory(memory);
  self::give_back_pool_memory(implied);
  return table;
}

ElfFileTable* table_around(const void* at) {
  alloc_info pool;
  if (!self::find_pool(&g_elf_allocator, address_of(at), pool)) return nullptr;
  return static_cast<ElfFileTable*>(self::pool_memory_of(pool));
}

const FilePart* part_at(const ElfFileTable& table, std::uint64_t at) {
  return elf::find_part(table.parts(), table.count, at, false);
}

}  // namespace allocs::preload
