// SPDX-License-Identifier: Apache-2.0
// Any bytes as an ELF file: parts in order, none over another; every field of every structure that they hold is followed, and stays inside.
#include <cstdlib>
#include <vector>

#include "elf/file_references.h"
#include "elf/implied_sections.h"

namespace {

using namespace allocs::elf;

void require(bool is_so) {
  if (!is_so) std::abort();
}

std::size_t follow(const FileView& file, Structure structure, FileBytes at, std::size_t size,
                   std::uint32_t section, std::uint32_t indices = 0) {
  std::size_t found = 0;
  for (std::uint32_t offset = 0; offset < size; offset += 2) {
    const Field field{structure, offset, at, section, indices};
    const auto target = target_of(file, field);
    if (!target) continue;
    require(language_of(file, field) != Language::none);
    require(target->at < file.size() && target->size <= file.size() - target->at);
    ++found;
  }
  return found;
}

void follow_section(const FileView& file, std::uint32_t index, const FilePart& part) {
  const auto section = file.section_header(index);
  if (!section) return;
  (void)file.section_name(*section);
  const struct {
    std::uint32_t type;
    Structure structure;
    std::size_t size;
  } kTables[] = {{SHT_SYMTAB, Structure::symbol, file.size_of<Symbol>()},
                 {SHT_DYNSYM, Structure::symbol, file.size_of<Symbol>()},
                 {SHT_RELA, Structure::relocation, file.size_of<Elf64_Rela>()},
                 {SHT_REL, Structure::relocation, file.size_of<Elf64_Rel>()},
                 {SHT_DYNAMIC, Structure::dynamic_entry, file.size_of<DynamicEntry>()},
                 {SHT_INIT_ARRAY, Structure::address, file.address_size()}};
  for (const auto& table : kTables) {
    if (section->sh_type != table.type) continue;
    for (FileBytes at = part.begin; at + table.size <= part.end; at += table.size)
      follow(file, table.structure, at, table.size, index, section->sh_info);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = FileView::open(reinterpret_cast<const std::byte*>(data), size);
  if (!file) return 0;
  file->set_lacks_contents(find_lack_of_contents(*file));
  std::vector<ImpliedSection> implied;
  if (lacks_sections(*file)) {
    implied.resize(most_implied_sections(*file));
    const std::size_t found = list_implied_sections(*file, implied.data());
    require(found != 0 && found <= implied.size());
    implied.resize(found);
    for (std::size_t i = 1; i < found; ++i) {
      require(implied[i].name != nullptr && implied[i].header.sh_link < found);
      require(file->has(implied[i].header.sh_offset, implied[i].header.sh_size));
    }
    file->use_implied(implied.data(), found);
  }
  std::vector<FilePart> parts(most_parts(*file));
  const std::size_t count = list_parts(*file, parts.data());
  require(count != 0 && count <= parts.size());
  FileBytes end = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const FilePart& part = parts[i];
    require(part.begin >= end && part.begin < part.end && part.end <= size);
    require(find_part(parts.data(), count, part.begin, false) == &part);
    require(find_part(parts.data(), count, part.end - 1, true) == &part);
    end = part.end;
    if (part.kind >= PartKind::section) follow_section(*file, part.section, part);
  }
  follow(*file, Structure::file_header, 0, file->size_of<FileHeader>(), 0);
  for (std::uint32_t i = 0; i < file->program_headers(); ++i)
    follow(*file, Structure::program_header,
           file->header().e_phoff + i * file->size_of<ProgramHeader>(),
           file->size_of<ProgramHeader>(), 0);
  for (std::uint32_t i = 0; i < file->section_headers(); ++i)
    follow(*file, Structure::section_header,
           file->header().e_shoff + i * file->size_of<SectionHeader>(),
           file->size_of<SectionHeader>(), 0);
  return 0;
}
