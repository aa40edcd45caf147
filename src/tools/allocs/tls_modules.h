// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "elf/symbols.h"
#include "runt/remote/object_table.h"
#include "runtime/metadata/find_image.h"

// The numbers by which thread-local storage knows the objects of a process that has no run time of ours: glibc keeps each in the object's link
// map, and says in a symbol for debuggers where.
namespace allocs::tool {

class TlsModules {
 public:
  TlsModules() = default;
  // Opens the process's C library. Without one that says it, or if its file is another now, no number is known.
  template <Memory M>
  TlsModules(const M& memory, const runt::remote::ObjectTable& objects) {
    for (const auto& object : objects.all()) {
      const auto at = descriptor_in(object);
      if (!at) continue;
      const auto found = load<Descriptor>(memory, *at + object.module.bias);
      if (found && found->bits == 64 && found->elements == 1 && found->offset < kLargestLinkMap)
        offset_ = found->offset;
      return;
    }
  }

  // 0: not known.
  template <Memory M>
  std::uint64_t number_of(const M& memory, const runt::remote::LoadedObject& object) const {
    constexpr std::uint64_t kMostModules = 1u << 20;
    if (!offset_ || raw(object.link_map) == 0) return 0;
    const auto number = load<std::uint64_t>(memory, object.link_map + *offset_);
    return number && *number < kMostModules ? *number : 0;
  }

 private:
  // As nptl_db has it: the place of a field in a structure.
  struct Descriptor {
    std::uint32_t bits = 0;
    std::uint32_t elements = 0;
    std::uint32_t offset = 0;
  };
  static constexpr std::uint32_t kLargestLinkMap = 1u << 14;

  static std::optional<LinkAddress> descriptor_in(const runt::remote::LoadedObject& object) {
    const std::string_view name = object.name;
    const bool is_c_library = name.find("/libc.so.") != name.npos ||
                              name.find("/libc-2.") != name.npos ||
                              name.find("/libpthread") != name.npos;
    if (!is_c_library) return std::nullopt;
    const auto file = metadata::map_file(object.name.c_str());
    if (!file) return std::nullopt;
    std::optional<LinkAddress> place;
    const elf::BuildId id = metadata::build_id_of(*file);
    const elf::BuildId& loaded = object.module.build_id;
    if (id.size != 0 &&
        std::equal(id.bytes, id.bytes + id.size, loaded.bytes, loaded.bytes + loaded.size)) {
      const elf::SymbolTable symbols(elf::File(file->bytes, file->size), SHT_DYNSYM);
      const auto symbol = symbols.named("_thread_db_link_map_l_tls_modid");
      if (symbol) place = symbol->value;
    }
    metadata::unmap(*file);
    return place;
  }

  std::optional<std::uint32_t> offset_;
};

}  // namespace allocs::tool
