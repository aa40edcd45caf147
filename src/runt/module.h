// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "elf/build_id.h"
#include "elf/eh_frame.h"
#include "elf/elf.h"

namespace allocs::runt {

// One loaded ELF object, as its program headers in memory describe it. Plain values; valid until it is unloaded.
struct Module {
  LoadBias bias{};
  AddressRange range{};  // from its first loaded byte to its last; may have holes
  elf::ProgramHeaders program_headers{};
  Address dynamic{};               // PT_DYNAMIC; 0: none
  AddressRange eh_frame_header{};  // PT_GNU_EH_FRAME; empty: none
  AddressRange
      eh_frame_segment{};  // the PT_LOAD that holds it: the only bytes of it that are safe to read
  AddressRange tls_image{};  // PT_TLS: the initial values, `size()` bytes of them
  std::uint64_t tls_size = 0;
  std::uint64_t tls_alignment = 0;
  elf::BuildId build_id{};  // size 0: none

  std::optional<elf::EhFrame> eh_frame() const {
    if (eh_frame_header.size() == 0) return std::nullopt;
    return elf::EhFrame{.header = eh_frame_header.begin, .bounds = eh_frame_segment};
  }
};

// Fills the module from program headers that are in memory. Absent when they cannot be read or load nothing.
// Context: signal, if the memory's view() is.
template <Memory M>
std::optional<Module> read_module(const M& memory, LoadBias bias, elf::ProgramHeaders headers) {
  if (headers.count == 0 || headers.count > elf::kMaxProgramHeaders) return std::nullopt;
  Module module{.bias = bias, .program_headers = headers};
  const auto placed = [&](const elf::ProgramHeader& header, std::uint64_t size) {
    const Address begin = LinkAddress{header.p_vaddr} + bias;
    return AddressRange{begin, begin + size};
  };
  bool loads_something = false;
  for (std::size_t i = 0; i < headers.count; ++i) {
    const auto header = elf::program_header(memory, headers, i);
    if (!header) return std::nullopt;
    switch (header->p_type) {
      case PT_LOAD: {
        const AddressRange segment = placed(*header, header->p_memsz);
        if (!loads_something || segment.begin < module.range.begin)
          module.range.begin = segment.begin;
        if (!loads_something || segment.end > module.range.end) module.range.end = segment.end;
        loads_something = true;
        break;
      }
      case PT_DYNAMIC:
        module.dynamic = placed(*header, 0).begin;
        break;
      case PT_GNU_EH_FRAME:
        module.eh_frame_header = placed(*header, header->p_memsz);
        break;
      case PT_TLS:
        module.tls_image = placed(*header, header->p_filesz);
        module.tls_size = header->p_memsz;
        module.tls_alignment = header->p_align;
        break;
      default:
        break;
    }
  }
  if (!loads_something) return std::nullopt;
  for (std::size_t i = 0; i < headers.count && module.eh_frame_header.size() != 0; ++i) {
    const auto header = elf::program_header(memory, headers, i);
    if (header && header->p_type == PT_LOAD && (header->p_flags & PF_R) != 0 &&
        placed(*header, header->p_filesz).contains(module.eh_frame_header.begin)) {
      module.eh_frame_segment = placed(*header, header->p_filesz);
    }
  }
  if (const auto id = elf::find_build_id(memory, headers, bias)) module.build_id = *id;
  return module;
}

// The same for an image whose file header is in memory at `image`: the vdso, the dynamic loader, most libraries.
template <Memory M>
std::optional<Module> read_module_at(const M& memory, Address image) {
  const auto headers = elf::program_headers_of_image(memory, image);
  if (!headers) return std::nullopt;
  for (std::size_t i = 0; i < headers->count; ++i) {
    const auto header = elf::program_header(memory, *headers, i);
    if (!header) return std::nullopt;
    // The segment that starts with the file header tells the bias.
    if (header->p_type == PT_LOAD && header->p_offset == 0) {
      return read_module(memory, LoadBias{raw(image) - header->p_vaddr}, *headers);
    }
  }
  return std::nullopt;
}

}  // namespace allocs::runt
