// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "elf/notes.h"

namespace allocs::elf {

// The content of an NT_GNU_BUILD_ID note: 20 bytes from GNU linkers, 8 or 16 from others. Zero bytes: none.
struct BuildId {
  static constexpr std::size_t kMaxSize = 32;
  std::uint8_t size = 0;
  std::uint8_t bytes[kMaxSize] = {};  // zero beyond `size`

  friend bool operator==(const BuildId&, const BuildId&) = default;
};

// The build-id that a note holds. Ids longer than kMaxSize do not exist; a note that claims one holds none.
inline std::optional<BuildId> build_id_in(const Note& note) {
  if (note.type != NT_GNU_BUILD_ID || note.name != "GNU") return std::nullopt;
  if (note.size == 0 || note.size > BuildId::kMaxSize) return std::nullopt;
  BuildId id;
  id.size = static_cast<std::uint8_t>(note.size);
  std::memcpy(id.bytes, note.content, note.size);
  return id;
}

// The build-id in one note segment.
template <Memory M>
std::optional<BuildId> find_build_id(const M& memory, AddressRange segment,
                                     std::uint64_t alignment = 4) {
  std::optional<BuildId> found;
  find_note(memory, segment, alignment, [&](const Note& note) {
    found = build_id_in(note);
    return found.has_value();
  });
  return found;
}

// The build-id among the note segments of an object in memory.
template <Memory M>
std::optional<BuildId> find_build_id(const M& memory, ProgramHeaders headers, LoadBias bias) {
  for (std::size_t i = 0; i < headers.count && i < kMaxProgramHeaders; ++i) {
    const auto header = program_header(memory, headers, i);
    if (!header) return std::nullopt;
    if (header->p_type != PT_NOTE) continue;
    const Address begin = LinkAddress{header->p_vaddr} + bias;
    if (auto id =
            find_build_id(memory, AddressRange{begin, begin + header->p_filesz}, header->p_align)) {
      return id;
    }
  }
  return std::nullopt;
}

}  // namespace allocs::elf
