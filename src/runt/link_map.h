// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.h"
#include "base/memory.h"
#include "elf/elf.h"
#include "runt/auxv.h"
#include "runt/module.h"

// Which objects a process has loaded, read from the dynamic loader's own list over any memory.
//
// The way there: AT_PHDR -> PT_DYNAMIC of the executable -> DT_DEBUG -> r_debug -> r_map, a list of link_map; from
// version 2 of r_debug on, r_next leads to the r_debug of the next namespace (dlmopen). These are the public parts of
// <link.h>, unchanged since the 1990s. The list may be changing while it is read: every step is checked, and there is a
// bound instead of trust in its end.
namespace allocs::runt {

// The public head of struct link_map.
struct LinkMapEntry {
  LoadBias bias;       // l_addr
  Address name{};      // l_name: text; empty for the executable
  Address dynamic{};   // l_ld
  Address next{};      // l_next
  Address previous{};  // l_prev
};
static_assert(sizeof(LinkMapEntry) == 40);

// The public struct r_debug_extended.
struct DebuggerRendezvous {
  std::int32_t version = 0;
  Address map{};
  Address breakpoint{};
  std::int32_t state = 0;  // 0: the lists are consistent
  Address loader{};
  Address next{};  // meaningful from version 2 on
};
static_assert(sizeof(DebuggerRendezvous) == 48);

inline constexpr std::size_t kMaxModules = 1u << 16;
inline constexpr std::size_t kMaxNamespaces = 64;

// The load bias of the executable: AT_PHDR minus what PT_PHDR says, or 0 for one that is not position-independent.
template <Memory M>
std::optional<LoadBias> executable_bias(const M& memory, const AuxiliaryVector& vector) {
  const elf::ProgramHeaders headers{vector.program_headers, vector.program_header_count};
  if (headers.count == 0) return std::nullopt;
  if (const auto self = elf::find_program_header(memory, headers, PT_PHDR)) {
    return LoadBias{raw(headers.at) - self->p_vaddr};
  }
  // Static executables have no PT_PHDR. The file header lies right before the table.
  const auto image = load<elf::FileHeader>(memory, headers.at - sizeof(elf::FileHeader));
  if (!image || !elf::is_supported(*image) || image->e_phoff != sizeof(elf::FileHeader))
    return std::nullopt;
  if (image->e_type == ET_EXEC) return LoadBias{0};
  for (std::size_t i = 0; i < headers.count && i < elf::kMaxProgramHeaders; ++i) {
    const auto header = elf::program_header(memory, headers, i);
    if (!header) return std::nullopt;
    if (header->p_type == PT_LOAD && header->p_offset == 0) {
      return LoadBias{raw(headers.at) - sizeof(elf::FileHeader) - header->p_vaddr};
    }
  }
  return std::nullopt;
}

template <Memory M>
std::optional<Module> read_executable(const M& memory, const AuxiliaryVector& vector) {
  const auto bias = executable_bias(memory, vector);
  if (!bias) return std::nullopt;
  return read_module(memory, *bias, {vector.program_headers, vector.program_header_count});
}

// Where the loader put its struct r_debug. Absent in static executables, and before the loader has run.
template <Memory M>
std::optional<Address> find_rendezvous(const M& memory, const Module& executable) {
  if (raw(executable.dynamic) == 0) return std::nullopt;
  for (std::size_t i = 0; i < 1024; ++i) {
    const auto entry =
        load<elf::DynamicEntry>(memory, executable.dynamic + i * sizeof(elf::DynamicEntry));
    if (!entry || entry->d_tag == DT_NULL) return std::nullopt;
    if (entry->d_tag == DT_DEBUG) {
      if (entry->d_un.d_ptr == 0) return std::nullopt;
      return Address{entry->d_un.d_ptr};
    }
  }
  return std::nullopt;
}

// What a walk of the lists met. Not whole: something could not be read, or a bound was hit.
struct LinkMapWalk {
  std::size_t visited = 0;
  bool is_whole = false;
};

// Calls `visit(const LinkMapEntry&, Address entry, unsigned namespace_index)` for every entry of every namespace, the base
// one first; a `visit` that returns false ends the walk.
template <Memory M, typename Visit>
LinkMapWalk walk_link_maps(const M& memory, Address rendezvous, Visit&& visit) {
  LinkMapWalk walk;
  Address previous_rendezvous{};
  for (unsigned index = 0; index < kMaxNamespaces && raw(rendezvous) != 0; ++index) {
    const bool may_have_next = [&] {
      const auto version = load<std::int32_t>(memory, rendezvous);
      return version && *version >= 2;
    }();
    // An old struct may end before `next`.
    constexpr std::size_t kOldSize = 40;
    DebuggerRendezvous debug;
    const std::size_t size = may_have_next ? sizeof debug : kOldSize;
    const std::byte* bytes = memory.view(rendezvous, size);
    if (bytes == nullptr) return walk;
    __builtin_memcpy(&debug, bytes, size);
    if (debug.version < 1) return walk;
    Address at = debug.map;
    while (raw(at) != 0) {
      if (walk.visited == kMaxModules) return walk;
      const auto entry = load<LinkMapEntry>(memory, at);
      if (!entry) return walk;
      ++walk.visited;
      if (!visit(*entry, at, index)) return walk;
      if (entry->next == at) return walk;
      at = entry->next;
    }
    if (!may_have_next || debug.next == rendezvous || debug.next == previous_rendezvous) break;
    previous_rendezvous = rendezvous;
    rendezvous = debug.next;
  }
  walk.is_whole = true;
  return walk;
}

// The module of an entry of the lists. The executable (in `vector`) and the vdso are found by what the kernel said;
// a library by its file header, which is at its bias unless it was linked at a fixed address.
template <Memory M>
std::optional<Module> read_module(const M& memory, const LinkMapEntry& entry,
                                  const AuxiliaryVector& vector) {
  const auto is_it = [&](const std::optional<Module>& module) {
    return module && module->dynamic == entry.dynamic;
  };
  auto executable = read_executable(memory, vector);
  if (is_it(executable)) return executable;
  if (raw(vector.vdso) != 0) {
    auto vdso = read_module_at(memory, vector.vdso);
    if (is_it(vdso)) return vdso;
  }
  if (entry.bias.value != 0) {
    auto library = read_module_at(memory, Address{entry.bias.value});
    if (is_it(library)) return library;
  }
  return std::nullopt;
}

// Copies the NUL-terminated text at `at` into `into`, cut to fit and always terminated. Returns its length there, or
// absent when it cannot be read.
template <Memory M>
std::optional<std::size_t> copy_text(const M& memory, Address at, std::span<char> into) {
  if (into.empty()) return std::nullopt;
  for (std::size_t length = 0;; ++length) {
    const std::byte* byte = memory.view(at + length, 1);
    if (byte == nullptr) {
      into[0] = '\0';
      return std::nullopt;
    }
    if (*byte == std::byte{0} || length + 1 == into.size()) {
      into[length] = '\0';
      return length;
    }
    into[length] = static_cast<char>(*byte);
  }
}

}  // namespace allocs::runt
