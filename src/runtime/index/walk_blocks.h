// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime/index/find_block.h"

namespace allocs::index {

// Calls visit(const Block&) for every block of malloc that is indexed, by address, until it returns false. Returns false if it did.
//
// Over a process that runs, each block was there at some moment during the call; one that comes, goes or is being resized meanwhile may
// be missed. Costs a read of the shadow: 1/8 of the heap's span, and a page for each 32 GiB of address space, unless `pages` knows better.
//
// Context: signal, if the visitor is.
template <Memory M, typename Visit, typename Pages = AllPages>
bool for_each_block(const M& memory, const Root& root, Visit&& visit, const Pages& pages = {});

// The first block of malloc that starts at or above `from` and below `end`. Costs a read of the shadow in between. Context: signal.
template <Memory M>
std::optional<Block> first_block_in(const M& memory, const Root& root, Address from, Address end);

// ---- the rest is how ----

// The blocks of one region in two shadows (foreign_shadow.h), as one series.
template <Memory M, typename Visit, typename Pages>
class MergedWalk {
 public:
  MergedWalk(const M& memory, const Root& root, std::uint64_t region, Visit& visit,
             const Pages& pages)
      : coarse_(memory, load_relaxed(root.directory), 0),
        fine_(memory, load_relaxed(root.fine_directory), 0),
        region_(region),
        done_(std::max(Address{region << kRegionShift}, kLowestHeapAddress)),
        visit_(visit),
        pages_(pages) {}

  bool run() {
    const Address end{(region_ + 1) << kRegionShift};
    const auto take_part = [&](AddressRange part) {
      return coarse_up_to(part.begin) && both_up_to(part.end);
    };
    return fine_.for_each_used_part(region_, take_part, pages_) && coarse_up_to(end);
  }

 private:
  // The blocks of one shadow that start in `part`.
  template <typename Reader, typename Take, typename Some>
  bool walk(const Reader& reader, AddressRange part, Take&& take, const Some& pages) const {
    // Of what is asked about pages, whole ones: `end` is in the last of them.
    constexpr std::uint64_t kPage = (4096 / sizeof(Cell)) << kCoarse.cell_shift;
    const Address from{raw(part.begin) & ~(kPage - 1)};
    const Address end{(raw(part.end) - 1) | (kPage - 1)};
    constexpr bool kIsAll = std::is_same_v<Some, AllPages>;
    const auto take_of_part = [&](const Block& block) {
      return !part.contains(block.base) || take(block);
    };
    return part.begin >= part.end ||
           reader.for_each_block_in(region_, take_of_part, kIsAll ? part.begin : from,
                                    kIsAll ? part.end : end, pages);
  }
  // What has not been visited below `end`.
  AddressRange next_part(Address end) {
    const Address from = std::exchange(done_, std::max(done_, end));
    return {from, std::max(from, end)};
  }
  // Where the other shadow has nothing.
  bool coarse_up_to(Address end) { return walk(coarse_, next_part(end), visit_, pages_); }
  bool fine_up_to(Address end) { return walk(fine_, next_part(end), visit_, AllPages{}); }
  bool both_up_to(Address end) {
    const auto take = [&](const Block& block) { return fine_up_to(block.base) && visit_(block); };
    return walk(coarse_, {done_, end}, take, AllPages{}) && fine_up_to(end);
  }

  ShadowReader<kCoarse, M> coarse_;
  ShadowReader<kFine, M> fine_;
  std::uint64_t region_;
  Address done_;  // all below it have been visited
  Visit& visit_;
  const Pages& pages_;
};

template <Memory M, typename Visit, typename Pages>
bool for_each_block(const M& memory, const Root& root, Visit&& visit, const Pages& pages) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kWords = kRegionsInPage;
  const Address directories[] = {load_relaxed(root.directory), load_relaxed(root.fine_directory)};
  const auto visit_region = [&](std::uint64_t region, bool has_coarse, bool has_fine) {
    if (has_coarse && has_fine)
      return MergedWalk<M, Visit, Pages>(memory, root, region, visit, pages).run();
    return has_fine ? ShadowReader<kFine, M>(memory, directories[1], 0)
                          .for_each_block_in(region, visit, kLowestHeapAddress, kEndOfUserAddresses,
                                             pages)
                    : ShadowReader<kCoarse, M>(memory, directories[0], 0)
                          .for_each_block_in(region, visit, kLowestHeapAddress, kEndOfUserAddresses,
                                             pages);
  };
  const auto visit_page = [&](std::uint64_t first) {
    std::uint64_t has_leaf[2][kWords / 64] = {};
    for (int number = 0; number < 2; ++number) {
      if (directories[number] == Address{}) continue;
      // A page that cannot be read is one that was never written: cores leave it out.
      const std::byte* page =
          memory.view(directories[number] + first * sizeof(std::uint64_t), kPage);
      if (page == nullptr) continue;
      for (std::uint64_t i = 0; i < kWords; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, page + i * sizeof word, sizeof word);
        if (word != 0) has_leaf[number][i / 64] |= std::uint64_t{1} << i % 64;
      }
    }
    for (std::uint64_t group = 0; group < kWords / 64; ++group) {
      const std::uint64_t coarse = has_leaf[0][group], fine = has_leaf[1][group];
      for (std::uint64_t left = coarse | fine; left != 0; left &= left - 1) {
        const auto bit = static_cast<unsigned>(std::countr_zero(left));
        if (!visit_region(first + group * 64 + bit, (coarse >> bit & 1) != 0,
                          (fine >> bit & 1) != 0))
          return false;
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
    if (fine != Address{}) {
      ShadowReader<kFine, M>(memory, fine, 0)
          .for_each_block_in(region, visit, from, found ? found->base : end);
    }
    if (found) break;
  }
  return found;
}

}  // namespace allocs::index
