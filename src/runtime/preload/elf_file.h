// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/elf_file.h"
#include "elf/file_parts.h"
#include "elf/file_references.h"
#include "elf/implied_sections.h"
#include "runtime/preload/elf_types.h"
#include "runtime/preload/sequence.h"

// Declared ELF files: the table of one, which is its pool's memory (pool_memory.h).
namespace allocs::preload {

// What is known of a part, beside its place.
struct PartContents {
  ElfType element = ElfType::count_;  // of the array that it is; count_: its type is not told
  bool is_one = false;                // no array
  bool is_constant_sequence = false;
  const alloc_sequence_family* family = nullptr;  // of what is in it
  allocator* elements = nullptr;
  std::uint32_t indices = 0;  // of symbols: elf::Field::indices
  std::uint64_t starts = 0;   // of a constant sequence: how many come before it in the table's
};

struct ElfFileTable {
  const std::byte* begin;
  std::uint64_t size;
  std::uint64_t count;          // of parts
  std::uint64_t implied_count;  // of sections of a file without section headers; else 0
  bool lacks_contents;
  elf::FileForm form;  // as it was when it was declared
  // Behind it: FilePart[count], PartContents[count], ImpliedSection[implied_count], FoundStart[].
  const elf::FilePart* parts() const { return reinterpret_cast<const elf::FilePart*>(this + 1); }
  elf::FilePart* parts() { return reinterpret_cast<elf::FilePart*>(this + 1); }
  PartContents* contents() { return reinterpret_cast<PartContents*>(parts() + count); }
  const PartContents& contents_of(const elf::FilePart& part) const {
    return const_cast<ElfFileTable*>(this)->contents()[&part - parts()];
  }
  elf::ImpliedSection* implied() {
    return reinterpret_cast<elf::ImpliedSection*>(contents() + count);
  }
  const elf::ImpliedSection* implied() const { return const_cast<ElfFileTable*>(this)->implied(); }
  FoundStart* starts() { return reinterpret_cast<FoundStart*>(implied() + implied_count); }
  // The file as it is now, with the sections that it was found to have.
  std::optional<elf::FileView> open() const {
    auto file = elf::FileView::open(begin, size);
    // Who has changed its form must declare it again.
    if (file && file->form() != form) return std::nullopt;
    if (file && implied_count != 0) file->use_implied(implied(), implied_count);
    if (file) file->set_lacks_contents(lacks_contents);
    return file;
  }
};

extern constinit allocator g_elf_allocator;
extern const alloc_protocol kElfProtocol;

// Reads the file's headers. In pool memory; nullptr when there is none. Context: query.
ElfFileTable* make_table(elf::FileView file, const std::byte* begin);

// The table of the declared file around `at`; nullptr if there is none. To be read under a PoolReader that was there before. Context: signal.
ElfFileTable* table_around(const void* at);

// Meaningful for addresses in the file.
inline std::uint64_t offset_in(const ElfFileTable& table, const void* at) {
  return static_cast<std::uint64_t>(static_cast<const std::byte*>(at) - table.begin);
}

// The part at that place in the file; nullptr between parts. Context: signal.
const elf::FilePart* part_at(const ElfFileTable& table, std::uint64_t at);

}  // namespace allocs::preload
