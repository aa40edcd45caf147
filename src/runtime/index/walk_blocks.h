// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>

#include "runtime/index/find_block.h"

namespace allocs::index {

// Calls visit(const Block&) for every block of malloc that is indexed, by address (within 64 MiB first those of libc, then those of
// another allocator), until it returns false. Returns false if it did.
//
// Over a process that runs, each block was there at some moment during the call; one that comes, goes or is being resized meanwhile may
// be missed. Costs a read of the shadow: 1/8 of the heap's span, and a page for each 32 GiB of address space.
//
// Context: signal, if the visitor is.
template <Memory M, typename Visit>
bool for_each_block(const M& memory, const Root& root, Visit&& visit) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kWords = kPage / sizeof(std::uint64_t);
  const Address directories[] = {load_relaxed(root.directory), load_relaxed(root.fine_directory)};
  const ShadowReader<kCoarse, M> coarse(memory, directories[0], 0);
  const ShadowReader<kFine, M> fine(memory, directories[1], 0);
  for (std::uint64_t first = 0; first < kRegionCount; first += kWords) {
    std::uint64_t has_leaf[kWords / 64] = {};
    for (const Address directory : directories) {
      if (directory == Address{}) continue;
      // A page that cannot be read is one that was never written: cores leave it out.
      const std::byte* page = memory.view(directory + first * sizeof(std::uint64_t), kPage);
      if (page == nullptr) continue;
      for (std::uint64_t i = 0; i < kWords; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, page + i * sizeof word, sizeof word);
        if (word != 0) has_leaf[i / 64] |= std::uint64_t{1} << i % 64;
      }
    }
    for (std::uint64_t group = 0; group < kWords / 64; ++group) {
      for (std::uint64_t left = has_leaf[group]; left != 0; left &= left - 1) {
        const std::uint64_t region =
            first + group * 64 + static_cast<unsigned>(std::countr_zero(left));
        if (directories[0] != Address{} && !coarse.for_each_block_in(region, visit)) return false;
        if (directories[1] != Address{} && !fine.for_each_block_in(region, visit)) return false;
      }
    }
  }
  return true;
}

}  // namespace allocs::index
