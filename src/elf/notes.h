// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/memory.h"
#include "elf/elf.h"

// The notes of one PT_NOTE segment (ELF gABI, "Note Section"). Names and descriptors are padded to the alignment of the
// segment: 4, or 8 where the header says so.
namespace allocs::elf {

struct Note {
  std::string_view name;  // without the NUL; lives as long as the memory
  std::uint32_t type = 0;
  const std::byte* content = nullptr;  // `size` bytes
  std::uint32_t size = 0;
  Address at{};  // of the content
};

// Calls `visit(note)` for each until it returns true; says whether it did. A note that does not fit ends the walk.
template <Memory M, typename Visit>
bool find_note(const M& memory, AddressRange segment, std::uint64_t alignment, Visit&& visit) {
  const std::uint64_t padding = alignment == 8 ? 7 : 3;
  Address at = segment.begin;
  while (at < segment.end && segment.end - at >= sizeof(NoteHeader)) {
    const auto header = load<NoteHeader>(memory, at);
    if (!header) return false;
    const std::uint64_t content_offset =
        (sizeof(NoteHeader) + header->n_namesz + padding) & ~padding;
    const std::uint64_t total = (content_offset + header->n_descsz + padding) & ~padding;
    const std::uint64_t needed = content_offset + header->n_descsz;
    if (needed > segment.end - at) return false;
    const std::byte* bytes = memory.view(at, needed);
    if (bytes == nullptr) return false;
    const char* name = reinterpret_cast<const char*>(bytes + sizeof(NoteHeader));
    const Note note{{name, strnlen(name, header->n_namesz)},
                    header->n_type,
                    bytes + content_offset,
                    header->n_descsz,
                    at + content_offset};
    if (visit(note)) return true;
    if (total > segment.end - at) return false;
    at = at + total;
  }
  return false;
}

}  // namespace allocs::elf
