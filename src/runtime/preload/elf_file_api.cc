// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "allocs/elf_file.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runt/self.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/elf_file.h"
#include "runtime/preload/promote.h"
#include "runtime/self/pool_memory.h"

// The public functions of <allocs/elf_file.h>.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::elf::Field;
using allocs::elf::FileForm;
using allocs::elf::FilePart;
using allocs::elf::FileView;
using allocs::elf::Language;
using allocs::elf::Structure;
using allocs::preload::elf_array_type;
using allocs::preload::elf_type;
using allocs::preload::ElfFileTable;
using allocs::preload::ElfType;

// The last byte of a mapping can be read exactly if the file is still that long.
bool is_readable(const void* begin, std::size_t size) {
  std::byte byte;
  const Address at = address_of(begin);
  return allocs::runt::self::read_memory(at, &byte, 1) &&
         allocs::runt::self::read_memory(at + (size - 1), &byte, 1);
}

// Texts and code are of the types of this machine's form in all.
int register_allocators() {
  if (!allocs::preload::make_elf_types()) return ALLOC_E_NO_MEMORY;
  if (allocs::self::registered_protocol(&allocs::preload::g_elf_allocator) != nullptr)
    return ALLOC_OK;
  const int error = allocs::self::register_allocator(&allocs::preload::g_elf_allocator,
                                                     &allocs::preload::kElfProtocol, true);
  // Another thread may have been faster.
  return error == ALLOC_E_INVALID ? ALLOC_OK : error;
}

// ---- the interpreter: which field of which structure a place is ----

struct StructureRow {
  ElfType type;
  Structure structure;
};
constexpr StructureRow kStructures[] = {
    {ElfType::file_header, Structure::file_header},
    {ElfType::program_header, Structure::program_header},
    {ElfType::section_header, Structure::section_header},
    {ElfType::symbol, Structure::symbol},
    {ElfType::relocation, Structure::relocation},
    {ElfType::relocation_with_addend, Structure::relocation},
    {ElfType::dynamic_entry, Structure::dynamic_entry},
};
constexpr FileForm kForms[] = {{}, {true, false}, {false, true}, {true, true}};
struct RowOfForm {
  const StructureRow* row = nullptr;  // nullptr: none is of that type
  FileForm form{};
};
RowOfForm row_of(const uniqtype* type) {
  if (type == nullptr || UNIQTYPE_KIND(type) != UNIQTYPE_KIND_COMPOSITE) return {};
  for (const FileForm form : kForms) {
    for (const StructureRow& row : kStructures) {
      if (type == elf_type(row.type, form)) return {&row, form};
    }
  }
  return {};
}

bool is_array_of_words(const uniqtype* type) {
  if (type == nullptr || !UNIQTYPE_IS_ARRAY_TYPE(type)) return false;
  for (const FileForm form : kForms) {
    if (type == elf_array_type(ElfType::address, form)) return true;
  }
  return false;
}

bool is_array_of_addresses(const FileView& file, std::uint32_t section) {
  const auto header = file.section_header(section);
  return header && (header->sh_type == SHT_INIT_ARRAY || header->sh_type == SHT_FINI_ARRAY ||
                    header->sh_type == SHT_PREINIT_ARRAY);
}

struct Found {
  const ElfFileTable* table = nullptr;
  std::optional<FileView> file;
  Field field{};
};

bool find_field(const alloc_step& place, Found& found) {
  if (place.subobject == nullptr || place.above == nullptr) return false;
  const uniqtype* const outer = alloc_place_type(place.above);
  const auto [row, form] = row_of(outer);
  const bool is_word = row == nullptr && is_array_of_words(outer);
  if (row == nullptr && !is_word) return false;
  const void* const base = row != nullptr ? alloc_place_base(place.above) : place.subobject->base;
  found.table = allocs::preload::table_around(base);
  if (found.table == nullptr) return false;
  const std::uint64_t at = offset_in(*found.table, base);
  const FilePart* const part = part_at(*found.table, at);
  found.file = found.table->open();
  if (part == nullptr || !found.file) return false;
  const FileForm own = found.table->form;
  if (row != nullptr ? form != own : outer != elf_array_type(ElfType::address, own)) return false;
  if (is_word && !is_array_of_addresses(*found.file, part->section)) return false;
  const auto offset = static_cast<std::uint32_t>(static_cast<const char*>(place.subobject->base) -
                                                 static_cast<const char*>(base));
  found.field = {is_word ? Structure::address : row->structure, offset, at, part->section,
                 found.table->contents_of(*part).indices};
  return true;
}

int can_interpret(void*, const alloc_step* place) {
  const allocs::self::PoolReader reader;
  Found found;
  if (!find_field(*place, found)) return 0;
  return static_cast<int>(allocs::elf::language_of(*found.file, found.field));
}
static_assert(static_cast<int>(Language::offset) == ALLOC_ELF_OFFSET &&
              static_cast<int>(Language::address) == ALLOC_ELF_ADDRESS &&
              static_cast<int>(Language::string) == ALLOC_ELF_STRING &&
              static_cast<int>(Language::section) == ALLOC_ELF_SECTION &&
              static_cast<int>(Language::symbol) == ALLOC_ELF_SYMBOL);

int interpret(void*, const alloc_step* place, int, alloc_referent* referent) {
  const allocs::self::PoolReader reader;
  Found found;
  if (!find_field(*place, found)) return ALLOC_E_NOTHING_THERE;
  const auto target = allocs::elf::target_of(*found.file, found.field);
  // A segment may begin between parts; all else that is referred to is one, or in one.
  const bool may_be_between = found.field.structure == Structure::program_header;
  if (!target || (!may_be_between && part_at(*found.table, target->at) == nullptr))
    return ALLOC_E_NOTHING_THERE;
  referent->at = found.table->begin + target->at;
  referent->size = target->size;
  return ALLOC_OK;
}

// Structures, and arrays of them; and whatever a declared file may be in.
int may_contain(void*, const alloc_step* place) {
  const uniqtype* const type = alloc_place_type(place);
  if (row_of(type).row != nullptr || is_array_of_words(type)) return 1;
  if (type != nullptr && UNIQTYPE_IS_ARRAY_TYPE(type))
    return row_of(UNIQTYPE_ARRAY_ELEMENT_TYPE(type)).row != nullptr;
  const allocator* const which = place->allocation.allocator;
  return place->subobject == nullptr && which != &allocs::preload::g_elf_allocator &&
         allocs::preload::family_of(which) == nullptr;
}

constexpr alloc_interpreter kInterpreter{.size = sizeof(alloc_interpreter),
                                         .name = "ELF",
                                         .environment = nullptr,
                                         .can_interpret = can_interpret,
                                         .interpret = interpret,
                                         .may_contain = may_contain};

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_make_elf_file(const void* file, size_t size) {
  using namespace allocs::preload;
  if (file == nullptr || size == 0 || size > raw(allocs::kEndOfUserAddresses))
    return ALLOC_E_INVALID;
  if (const int error = register_allocators(); error != ALLOC_OK) return error;
  const auto* const begin = static_cast<const std::byte*>(file);
  return promote(file, &g_elf_allocator, [&](const alloc_info& host, void** memory) {
    const auto offset = static_cast<std::size_t>(begin - static_cast<const std::byte*>(host.base));
    if (host.allocator == &g_elf_allocator) return ALLOC_E_HAS_CHILDREN;
    if (size > host.size - offset) return ALLOC_E_INVALID;
    if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
    if (!is_readable(file, size)) return ALLOC_E_NOTHING_THERE;
    const auto view = FileView::open(begin, size);
    if (!view) return ALLOC_E_MALFORMED;
    // Notes are the same in both classes.
    const bool is_big_endian = view->form().is_big_endian;
    if (!make_elf_types(view->form()) || !make_elf_types({.is_big_endian = is_big_endian}))
      return ALLOC_E_NO_MEMORY;
    *memory = make_table(*view, begin);
    return *memory == nullptr ? ALLOC_E_NO_MEMORY : ALLOC_OK;
  });
}

ALLOCS_EXPORT struct allocator* alloc_elf_allocator(void) {
  return &allocs::preload::g_elf_allocator;
}
ALLOCS_EXPORT const struct alloc_interpreter* alloc_elf_interpreter(void) { return &kInterpreter; }

ALLOCS_ELF_FILE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
