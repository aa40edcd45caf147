// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "elf/symbols.h"
#include "runt/remote/object_table.h"
#include "runtime/metadata/find_image.h"

namespace allocs::tool {

inline bool is_c_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.so.") || name.starts_with("libc-2.");
}

// What glibc says in symbols, for debuggers and for itself, about a process, whether the run time is in it or not: the numbers by which
// thread-local storage knows the objects, which are kept in their link maps, and where the memory of brk ends.
class CLibrary {
 public:
  // Opens the process's C library. If there is none, or its file is another now, nothing is known.
  template <Memory M>
  CLibrary(const M& memory, const runt::remote::ObjectTable& objects) {
    for (const auto& object : objects.all()) {
      if (!is_c_library(object.name)) continue;
      const Symbols symbols = symbols_of(object);
      if (symbols.module_number) {
        const auto place = load<Descriptor>(memory, *symbols.module_number + object.module.bias);
        if (place && place->bits == 64 && place->elements == 1 && place->offset < kLargestLinkMap)
          offset_ = place->offset;
      }
      if (symbols.end_of_brk) {
        const auto end = load<std::uint64_t>(memory, *symbols.end_of_brk + object.module.bias);
        end_of_brk_ = Address{end.value_or(0)};
      }
      link_map_ = object.link_map;
      return;
    }
  }

  // The number of an object among those with thread-locals; 0: not known.
  template <Memory M>
  std::uint64_t tls_module_of(const M& memory, const runt::remote::LoadedObject& object) const {
    constexpr std::uint64_t kMostModules = 1u << 20;
    if (!offset_ || raw(object.link_map) == 0) return 0;
    const auto number = load<std::uint64_t>(memory, object.link_map + *offset_);
    return number && *number < kMostModules ? *number : 0;
  }
  // Is that the memory of brk? A core does not name it.
  bool is_brk(AddressRange mapping) const {
    return raw(end_of_brk_) != 0 && mapping.contains(Address{raw(end_of_brk_) - 1});
  }
  // Its own; 0: not known.
  Address link_map() const { return link_map_; }

 private:
  // As nptl_db has it: the place of a field in a structure.
  struct Descriptor {
    std::uint32_t bits = 0;
    std::uint32_t elements = 0;
    std::uint32_t offset = 0;
  };
  struct Symbols {
    std::optional<LinkAddress> module_number;
    std::optional<LinkAddress> end_of_brk;
  };
  static constexpr std::uint32_t kLargestLinkMap = 1u << 14;

  static Symbols symbols_of(const runt::remote::LoadedObject& object) {
    Symbols found;
    const auto file = metadata::map_file(object.name.c_str());
    if (!file) return found;
    const elf::BuildId id = metadata::build_id_of(*file);
    const elf::BuildId& loaded = object.module.build_id;
    if (id.size != 0 &&
        std::equal(id.bytes, id.bytes + id.size, loaded.bytes, loaded.bytes + loaded.size)) {
      const elf::SymbolTable symbols(elf::File(file->bytes, file->size), SHT_DYNSYM);
      if (const auto symbol = symbols.named("_thread_db_link_map_l_tls_modid"))
        found.module_number = symbol->value;
      if (const auto symbol = symbols.named("__curbrk")) found.end_of_brk = symbol->value;
    }
    metadata::unmap(*file);
    return found;
  }

  std::optional<std::uint32_t> offset_;
  Address end_of_brk_{};
  Address link_map_{};
};

}  // namespace allocs::tool
