// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runt/auxv.h"

// Where a process's stack began, for who was not told: a core does not say it. The kernel lays out, upwards,
//
//     argc | argv... 0 | envp... 0 | auxiliary vector | padding, a few bytes, among them those of AT_RANDOM | texts
//
// and AT_RANDOM's entry says where its bytes are. So the entry is looked for below them, the vector's start below that, and argc is the first
// small number that is met below: all else there is pointers and zeros. Zeros inside are what the program took away (argv[1] = NULL,
// unsetenv).
namespace allocs::runt {

// The address of argc; absent if it cannot be told. Context: as the memory's view().
template <Memory M>
std::optional<Address> find_start_of_stack(const M& memory, const AuxiliaryVector& vector) {
  constexpr std::uint64_t kSmall = 1u << 16;  // below any pointer: what the kernel lets nobody map
  constexpr std::uint64_t kFurthest = 8192;   // from AT_RANDOM's bytes to its entry
  constexpr std::uint64_t kMostWords = 1u << 20;  // see read_stack_vectors()
  const std::uint64_t bytes = raw(vector.random_bytes);
  if (bytes < kSmall) return std::nullopt;
  const auto word = [&](std::uint64_t at) { return load<std::uint64_t>(memory, Address{at}); };

  std::uint64_t entry = bytes & ~std::uint64_t{15};
  for (;; entry -= 8) {
    if (bytes - entry > kFurthest) return std::nullopt;
    const auto type = word(entry), value = word(entry + 8);
    if (!type || !value) return std::nullopt;
    if (*type == AT_RANDOM && *value == bytes) break;
  }
  std::uint64_t start = entry;
  for (std::size_t i = 0; i < kMaxAuxiliaryEntries; ++i) {
    const auto type = word(start - 16);
    if (!type || *type == AT_NULL || *type >= kSmall) break;
    start -= 16;
  }
  for (std::uint64_t i = 1; i < kMostWords; ++i) {
    const std::uint64_t at = start - i * 8;
    const auto count = word(at);
    if (!count) return std::nullopt;
    if (*count == 0 || *count >= kSmall) continue;
    const bool fits = *count + 2 < i && word(at + (*count + 1) * 8) == std::uint64_t{0};
    return fits ? std::optional{Address{at}} : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace allocs::runt
