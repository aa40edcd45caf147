// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "elf/elf.h"
#include "elf/x86_instruction.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/elf_types.h"
#include "runtime/preload/promote.h"
#include "runtime/preload/sequence.h"
#include "runtime/self/pool_memory.h"

// The public functions of <allocs/sequence.h>, and the families that are built in.

namespace {

using allocs::preload::elf_array_type;
using allocs::preload::elf_type;
using allocs::preload::ElfType;

// ---- texts and characters ----

int decode_string(void*, const void* at, std::size_t left, std::size_t* size, uniqtype** type) {
  const void* const nul = std::memchr(at, '\0', left);
  *size =
      nul == nullptr
          ? left
          : static_cast<std::size_t>(static_cast<const char*>(nul) - static_cast<const char*>(at)) +
                1;
  *type = elf_array_type(ElfType::characters);
  return 0;
}

const void* sync_string(void*, const void* begin, const void* at) {
  const auto* place = static_cast<const char*>(at);
  while (place > begin && place[-1] != '\0') --place;
  return place;
}

bool is_continuation(unsigned char c) { return (c & 0xC0) == 0x80; }
// Bytes of the character that begins with `first`; 1 for a byte that begins none.
std::size_t length_by(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  return first >= 0xF0 && first <= 0xF4 ? 4 : 1;
}
// Of the character at `at`; 1 if it is not a whole one.
std::size_t length_of_character(const unsigned char* at, std::size_t left) {
  const std::size_t length = length_by(*at);
  if (length > left) return 1;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at[i])) return 1;
  }
  // Longer than it need be, a surrogate, or beyond the last character.
  const bool is_ill = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
                      (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F);
  return length > 1 && is_ill ? 1 : length;
}

int decode_character(void*, const void* at, std::size_t left, std::size_t* size, uniqtype** type) {
  *size = length_of_character(static_cast<const unsigned char*>(at), left);
  *type = elf_array_type(ElfType::characters);
  return 0;
}

// A character has at most three bytes behind its first.
const void* sync_character(void*, const void* begin, const void* at) {
  const auto* const here = static_cast<const unsigned char*>(at);
  const auto* place = here;
  for (int back = 0; back < 3 && place > begin && is_continuation(*place); ++back) --place;
  const auto reach = static_cast<std::size_t>(here - place);
  return length_by(*place) > reach ? place : here;
}

constexpr alloc_sequence_family kStrings{.size = sizeof(alloc_sequence_family),
                                         .name = "strings",
                                         .context = nullptr,
                                         .decode = decode_string,
                                         .sync = sync_string,
                                         .flags = 0};
constexpr alloc_sequence_family kCharacters{.size = sizeof(alloc_sequence_family),
                                            .name = "UTF-8",
                                            .context = nullptr,
                                            .decode = decode_character,
                                            .sync = sync_character,
                                            .flags = 0};

// ---- notes ----

struct NotesForm {
  std::size_t alignment;
  allocs::elf::FileForm form;
};
constexpr NotesForm kNotesForms[] = {
    {4, {}}, {8, {}}, {4, {.is_big_endian = true}}, {8, {.is_big_endian = true}}};

// The last note of a section may lack its padding.
int decode_note(void* context, const void* at, std::size_t left, std::size_t* size,
                uniqtype** type) {
  const NotesForm& notes = *static_cast<const NotesForm*>(context);
  const std::size_t padding = notes.alignment - 1;
  constexpr std::size_t kHeader = sizeof(allocs::elf::NoteHeader), kWord = sizeof(Elf64_Word);
  if (left < kHeader) return ALLOC_E_NOTHING_THERE;
  const auto* const words = static_cast<const std::byte*>(at);
  const std::uint64_t name_size = number_in(notes.form, words, kWord);
  const std::uint64_t content = (kHeader + name_size + padding) & ~padding;
  const std::uint64_t end = content + number_in(notes.form, words + kWord, kWord);
  if (end > left) return ALLOC_E_NOTHING_THERE;
  const std::uint64_t whole = (end + padding) & ~padding;
  *size = whole < left ? whole : left;
  *type = elf_type(ElfType::note, notes.form);
  return 0;
}

constexpr alloc_sequence_family note_family(const NotesForm& form) {
  return {.size = sizeof(alloc_sequence_family),
          .name = "ELF notes",
          .context = const_cast<NotesForm*>(&form),
          .decode = decode_note,
          .sync = nullptr,
          .flags = 0};
}
constexpr alloc_sequence_family kNotes[] = {
    note_family(kNotesForms[0]), note_family(kNotesForms[1]), note_family(kNotesForms[2]),
    note_family(kNotesForms[3])};

// ---- instructions ----

int decode_instruction(void*, const void* at, std::size_t left, std::size_t* size,
                       uniqtype** type) {
  const std::size_t length =
      allocs::elf::instruction_length(static_cast<const std::uint8_t*>(at), left);
  *size = length == 0 ? 1 : length;
  if (length != 0) *type = elf_array_type(ElfType::bytes);
  return 0;
}

constexpr alloc_sequence_family kInstructions{.size = sizeof(alloc_sequence_family),
                                              .name = "x86 instructions",
                                              .context = nullptr,
                                              .decode = decode_instruction,
                                              .sync = nullptr,
                                              .flags = ALLOC_SEQUENCE_CONSTANT};

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_make_sequence(const void* obj, const struct alloc_sequence_family* family) {
  using namespace allocs::preload;
  if (!is_usable(family)) return ALLOC_E_INVALID;
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const bool is_big_endian = family == &kNotes[2] || family == &kNotes[3];
  if (!make_elf_types() || (is_big_endian && !make_elf_types({.is_big_endian = true})))
    return ALLOC_E_NO_MEMORY;
  allocator* const which = allocator_of_family(family);
  if (which == nullptr) return ALLOC_E_NO_MEMORY;
  return promote(obj, which, [&](const alloc_info& host, void** memory) {
    const std::size_t starts = starts_needed(*family, host.size);
    if (starts == 0) return ALLOC_OK;
    *memory = allocs::self::take_pool_memory(starts * sizeof(FoundStart));
    return *memory == nullptr ? ALLOC_E_NO_MEMORY : ALLOC_OK;
  });
}

ALLOCS_EXPORT const struct alloc_sequence_family* alloc_string_family(void) { return &kStrings; }
ALLOCS_EXPORT const struct alloc_sequence_family* alloc_utf8_family(void) { return &kCharacters; }
ALLOCS_EXPORT const struct alloc_sequence_family* alloc_note_family(size_t alignment) {
  const bool is_big_endian = (alignment & ALLOC_NOTES_BIG_ENDIAN) != 0;
  if (is_big_endian) alignment -= ALLOC_NOTES_BIG_ENDIAN;
  const alloc_sequence_family* const families = is_big_endian ? kNotes + 2 : kNotes;
  return alignment == 4 ? families : alignment == 8 ? families + 1 : nullptr;
}
ALLOCS_EXPORT const struct alloc_sequence_family* alloc_x86_family(void) { return &kInstructions; }

ALLOCS_SEQUENCE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
