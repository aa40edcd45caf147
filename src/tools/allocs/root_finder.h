// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elf/notes.h"
#include "runt/remote/object_table.h"
#include "runtime/index/root.h"

namespace allocs::tool {

// The run time's root in that process, by the note in the object that holds it; nullptr if the process does not run under liballocs, or
// under a version whose tables we do not know.
template <Memory M>
std::unique_ptr<index::Root> find_root(const M& memory, const runt::remote::ObjectTable& objects) {
  for (const auto& object : objects.all()) {
    const elf::ProgramHeaders headers = object.module.program_headers;
    for (std::size_t i = 0; i < headers.count && i < elf::kMaxProgramHeaders; ++i) {
      const auto header = elf::program_header(memory, headers, i);
      if (!header || header->p_type != PT_NOTE) continue;
      const Address begin = LinkAddress{header->p_vaddr} + object.module.bias;
      Address root{};
      elf::find_note(memory, {begin, begin + header->p_filesz}, header->p_align,
                     [&](const elf::Note& note) {
                       if (note.type != kRootNote || note.name != kNoteOwner) return false;
                       index::NoteDescriptor descriptor;
                       if (note.size < sizeof(descriptor)) return false;
                       std::memcpy(&descriptor, note.content, sizeof(descriptor));
                       root = note.at + static_cast<std::uint64_t>(descriptor.distance);
                       return true;
                     });
      if (raw(root) == 0) continue;
      const auto copy = load<index::Root>(memory, root);
      if (copy && copy->magic == index::kRootMagic && copy->version == index::kRootVersion &&
          copy->self == root) {
        return std::make_unique<index::Root>(*copy);
      }
    }
  }
  return nullptr;
}

}  // namespace allocs::tool
