// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/memory.h"
#include "elf/elf.h"

namespace allocs::runt {

// What the kernel told a program at its start. Absent entries are 0.
struct AuxiliaryVector {
  Address program_headers{};  // AT_PHDR, of the executable
  std::size_t program_header_count = 0;
  Address interpreter{};  // AT_BASE: where the dynamic loader was mapped; 0 in a static executable
  Address entry{};
  Address vdso{};  // AT_SYSINFO_EHDR
  std::uint64_t page_size = 0;
  Address random_bytes{};
  Address executable_name{};
  bool is_secure = false;
};

inline constexpr std::size_t kMaxAuxiliaryEntries = 256;

// Reads entries from `at` to AT_NULL, or as far as they can be read.
// Context: signal, if the memory's view() is.
template <Memory M>
AuxiliaryVector read_auxiliary_vector(const M& memory, Address at) {
  AuxiliaryVector vector;
  for (std::size_t i = 0; i < kMaxAuxiliaryEntries; ++i, at = at + sizeof(Elf64_auxv_t)) {
    const auto entry = load<Elf64_auxv_t>(memory, at);
    if (!entry || entry->a_type == AT_NULL) break;
    const std::uint64_t value = entry->a_un.a_val;
    switch (entry->a_type) {
      case AT_PHDR:
        vector.program_headers = Address{value};
        break;
      case AT_PHNUM:
        vector.program_header_count = value;
        break;
      case AT_BASE:
        vector.interpreter = Address{value};
        break;
      case AT_ENTRY:
        vector.entry = Address{value};
        break;
      case AT_SYSINFO_EHDR:
        vector.vdso = Address{value};
        break;
      case AT_PAGESZ:
        vector.page_size = value;
        break;
      case AT_RANDOM:
        vector.random_bytes = Address{value};
        break;
      case AT_EXECFN:
        vector.executable_name = Address{value};
        break;
      case AT_SECURE:
        vector.is_secure = value != 0;
        break;
      default:
        break;
    }
  }
  return vector;
}

// The initial stack, upwards from the stack pointer at process entry (psABI 3.4.1; /proc/PID/stat calls it startstack):
// argc, argv..., 0, envp..., 0, auxv.
struct StackVectors {
  std::uint64_t argc = 0;
  Address argv{};
  Address envp{};
  Address auxv{};
};

// Finds the three vectors from `argc_at`; absent when the memory is, or when there is no end within reason.
template <Memory M>
std::optional<StackVectors> read_stack_vectors(const M& memory, Address argc_at) {
  constexpr std::uint64_t kMostWords =
      1u << 20;  // the kernel allows 6 MiB of strings, the shortest 2 bytes and a pointer
  const auto argc = load<std::uint64_t>(memory, argc_at);
  if (!argc || *argc > kMostWords) return std::nullopt;
  StackVectors vectors{.argc = *argc, .argv = argc_at + 8};
  vectors.envp = vectors.argv + (*argc + 1) * 8;
  for (std::uint64_t i = 0; i < kMostWords; ++i) {
    const auto word = load<std::uint64_t>(memory, vectors.envp + i * 8);
    if (!word) return std::nullopt;
    if (*word == 0) {
      vectors.auxv = vectors.envp + (i + 1) * 8;
      return vectors;
    }
  }
  return std::nullopt;
}

}  // namespace allocs::runt
