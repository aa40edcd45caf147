// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elf/file_parts.h"

// What a file without section headers (stripped of them, dumped from memory, a core) still tells of its parts: program headers, and the dynamic section that one of them leads to. It
// is put as the section headers that such a file would have, so that whatever reads sections reads these too.
//
// From the dynamic section it is seen where a table begins; how large it is, is told there for some, and for others must be counted:
// - symbols: a table DT_HASH has a chain for each. DT_GNU_HASH leads to the last one that is found by name; those that are only wanted come before these, but if none is found by name it says
//   nothing of them. So as many are counted as relocations refer to, too;
// - versions: one for each symbol; those that are needed and defined are lists.
//
// Nothing of it is believed. A table that is not wholly in a segment's bytes of the file is left out.
namespace allocs::elf {

// Does it have none of its own? (A file with very many program headers has one, which only says how many.)
inline bool lacks_sections(const FileView& file) { return file.section_headers() <= 1; }

// For a file that lacks them (FileView::use_implied); the first one is empty, as in a table of the file's own. `sections` has room for most_implied_sections().
inline std::size_t most_implied_sections(const FileView& file) {
  constexpr std::size_t kOfDynamic = 16;
  return 1 + kOfDynamic + file.program_headers();
}
std::size_t list_implied_sections(const FileView& file, ImpliedSection* sections);

}  // namespace allocs::elf
