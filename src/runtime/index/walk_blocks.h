// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>

#include "runtime/index/find_block.h"

namespace allocs::index {

// Calls visit(const Block&) for every block of malloc that is indexed, by address (within 64 MiB first those of libc, then those of
// another allocator), until it returns false. Returns false if it did.
//
// Over a process that runs, each block was there at some moment during the call; one that comes, goes or is being resized meanwhile may
// be missed. Costs a read of the shadow: 1/8 of the heap's span, and a page for each 32 GiB of address space, unless `pages` knows better.
//
// Context: signal, if the visitor is.
template <Memory M, typename Visit, typename Pages = AllPages>
bool for_each_block(const M& memory, const Root& root, Visit&& visit, const Pages& pages = {}) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kWords = kRegionsInPage;
  const Address directories[] = {load_relaxed(root.directory), load_relaxed(root.fine_directory)};
  const ShadowReader<kCoarse, M> coarse(memory, directories[0], 0);
  const ShadowReader<kFine, M> fine(memory, directories[1], 0);
  const auto visit_page = [&](std::uint64_t first) {
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
        const auto walk = [&](Address directory, const auto& reader) {
          return directory == Address{} ||
                 reader.for_each_block_in(region, visit, {}, kEndOfUserAddresses, pages);
        };
        if (!walk(directories[0], coarse) || !walk(directories[1], fine)) return false;
      }
    }
    return true;
  };
  for (std::uint64_t group = 0; group < kRegionCount / kWords / 64; ++group) {
    for (std::uint64_t left = pages.pages_with_leaves(group); left != 0; left &= left - 1) {
      const std::uint64_t page = group * 64 + static_cast<unsigned>(std::countr_zero(left));
      if (!visit_page(page * kWords)) return false;
    }
  }
  return true;
}

// The first block of malloc that starts at or above `from` and below `end`; of two that start there, libc's. Costs a read of the shadow in
// between. Context: signal.
template <Memory M>
std::optional<Block> first_block_in(const M& memory, const Root& root, Address from, Address end) {
  std::optional<Block> found;
  if (end > kEndOfUserAddresses) end = kEndOfUserAddresses;
  const auto visit = [&](const Block& block) {
    if (block.base < from) return true;
    if (block.base < end && (!found || block.base < found->base)) found = block;
    return false;
  };
  const Address coarse = load_relaxed(root.directory), fine = load_relaxed(root.fine_directory);
  for (std::uint64_t region = region_of(raw(from)); region << kRegionShift < raw(end); ++region) {
    if (coarse != Address{})
      ShadowReader<kCoarse, M>(memory, coarse, 0).for_each_block_in(region, visit, from, end);
    if (fine != Address{})
      ShadowReader<kFine, M>(memory, fine, 0).for_each_block_in(region, visit, from, end);
    if (found) break;
  }
  return found;
}

}  // namespace allocs::index
