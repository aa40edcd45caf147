// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/module_frames.h"

#include <link.h>

#include "base/every_process.h"
#include "runt/self.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"

namespace allocs::allocators {

[[ALLOCS_EVERY_PROCESS]] elf::EhFrame eh_frame_of(const index::ModuleRecord& module) {
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(raw(module.phdrs));
  for (std::uint32_t i = 0; i < module.phdr_count; ++i) {
    const Address begin{module.bias + headers[i].p_vaddr};
    const AddressRange segment{begin, begin + headers[i].p_filesz};
    if (headers[i].p_type == PT_LOAD && segment.contains(module.eh_frame_hdr)) {
      return {.header = module.eh_frame_hdr, .bounds = segment};
    }
  }
  return {};
}

std::optional<elf::EhFrame> KnownEhFrames::eh_frame_of(Address pc) const {
  if (runt::self::LoaderEhFrames::is_available())
    return runt::self::LoaderEhFrames{}.eh_frame_of(pc);
  const auto module = index::module_at(TrustedMemory{}, g_root, pc);
  if (!module || module->eh_frame_hdr == Address{}) return std::nullopt;
  const elf::EhFrame found = allocators::eh_frame_of(*module);
  return found.header == Address{} ? std::nullopt : std::optional(found);
}

}  // namespace allocs::allocators
