// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "base/address.h"
#include "base/memory.h"
#include "runtime/index/cell.h"
#include "runtime/index/heap_shadow.h"
#include "runtime/index/root.h"
#include "runtime/index/word.h"

// Where blocks start that have holders (allocators/held_blocks.h): one bit for each 8 bytes of address space, in a leaf for each region in which there is one.
//
// free asks it whether it must look further. Readers ask it because free clears a block's start cell before it can know that the block is to stay, and writes it again a moment
// later: where a start is marked here, what is in no cell is not "nothing there". How long such a block is, its size cell still tells; shorter ones have none.
//
// Two levels of bits over the first say which of their words are not empty, so that the nearest start below an address is found in some tens of loads a region.
//
// One writer at a time (the holders' lock); readers at any time. A start is marked while its block's owner waits, and unmarked when the block goes or nobody holds it any more.
namespace allocs::index {

inline constexpr unsigned kHeldUnitShift = 3;

struct HeldLeaf {
  static constexpr std::uint64_t kWords = std::uint64_t{1} << (kRegionShift - kHeldUnitShift - 6);
  std::uint64_t starts[kWords];
  std::uint64_t used[kWords / 64];       // a bit for each word of `starts` that is not 0
  std::uint64_t more[kWords / 64 / 64];  // the same of `used`
  // For the writer: where its region begins, and the leaf that was made before.
  std::uint64_t begin;
  HeldLeaf* before;
};

// ---- writing ----

// Context: hook, under the holders' lock. `leaf` is that of the region.
inline void mark_held_start(HeldLeaf& leaf, std::uint64_t start) {
  const std::uint64_t bit = (start & ((std::uint64_t{1} << kRegionShift) - 1)) >> kHeldUnitShift;
  const std::uint64_t word = bit / 64, used = word / 64;
  store_release(leaf.starts[word], leaf.starts[word] | std::uint64_t{1} << bit % 64);
  store_release(leaf.used[used], leaf.used[used] | std::uint64_t{1} << word % 64);
  store_release(leaf.more[used / 64], leaf.more[used / 64] | std::uint64_t{1} << used % 64);
}
inline void unmark_held_start(HeldLeaf& leaf, std::uint64_t start) {
  const std::uint64_t bit = (start & ((std::uint64_t{1} << kRegionShift) - 1)) >> kHeldUnitShift;
  const std::uint64_t word = bit / 64, used = word / 64;
  store_release(leaf.starts[word], leaf.starts[word] & ~(std::uint64_t{1} << bit % 64));
  if (leaf.starts[word] != 0) return;
  store_release(leaf.used[used], leaf.used[used] & ~(std::uint64_t{1} << word % 64));
  if (leaf.used[used] != 0) return;
  store_release(leaf.more[used / 64], leaf.more[used / 64] & ~(std::uint64_t{1} << used % 64));
}

// Calls visit(start) for each mark of a leaf, by address. Context: hook, under the holders' lock.
template <typename Visit>
void for_each_held_start(const HeldLeaf& leaf, Visit&& visit) {
  const auto for_each_bit = [](std::uint64_t word, std::uint64_t first, auto&& take) {
    for (; word != 0; word &= word - 1)
      take(first * 64 + static_cast<unsigned>(std::countr_zero(word)));
  };
  for (std::uint64_t i = 0; i < HeldLeaf::kWords / 64 / 64; ++i) {
    for_each_bit(leaf.more[i], i, [&](std::uint64_t used) {
      for_each_bit(leaf.used[used], used, [&](std::uint64_t word) {
        for_each_bit(leaf.starts[word], word,
                     [&](std::uint64_t bit) { visit(leaf.begin + (bit << kHeldUnitShift)); });
      });
    });
  }
}

// ---- reading ----

// Is a start marked there? `directory` is u64[kRegionCount], of the addresses of leaves, in this process; nullptr: there is none yet. Context: hook.
[[gnu::always_inline]] inline bool is_held_start(const std::uint64_t* directory,
                                                 std::uint64_t start) {
  if (start >= raw(kEndOfUserAddresses)) return false;
  const std::uint64_t leaf = load_acquire(directory[start >> kRegionShift]);
  if (leaf == 0) return false;
  const std::uint64_t bit = (start & ((std::uint64_t{1} << kRegionShift) - 1)) >> kHeldUnitShift;
  return (load_acquire(reinterpret_cast<const HeldLeaf*>(leaf)->starts[bit / 64]) >> bit % 64 &
          1) != 0;
}

// What the marks say of an address that is in no block by the cells.
enum class HeldPlace : std::uint8_t {
  nobodys,  // nor in one that is held
  behind,   // the nearest held block below has its start cell, so it ends before
  open,     // that block's start cell is empty for the moment, and the address may be in it
};

template <Memory M>
class HeldStartsReader {
 public:
  HeldStartsReader(const M& memory, const Root& root) : memory_(memory), root_(root) {}

  // Context: signal.
  [[gnu::noinline]] HeldPlace look_at(Address a) const {
    if (load_acquire(root_.held_directory) == Address{}) return HeldPlace::nobodys;
    const std::uint64_t start = nearest_at_or_below(raw(a));
    if (start == 0) return HeldPlace::nobodys;
    const HeldPlace coarse = place_in<kCoarse>(load_relaxed(root_.directory), start, raw(a));
    const Address directory = load_relaxed(root_.fine_directory);
    if (directory == Address{} || coarse == HeldPlace::behind) return coarse;
    const HeldPlace fine = place_in<kFine>(directory, start, raw(a));
    return fine == HeldPlace::nobodys ? coarse : fine;
  }

  // The nearest mark; 0: none as far back as any held block reaches.
  std::uint64_t nearest_at_or_below(std::uint64_t a) const {
    const std::uint64_t reach = load_acquire(root_.held_reach);
    const std::uint64_t lowest = region_of(a > reach ? a - reach : 0);
    constexpr std::uint64_t kInRegion = (std::uint64_t{1} << kRegionShift) - 1;
    std::uint64_t last = (a & kInRegion) >> kHeldUnitShift;
    for (std::uint64_t region = region_of(a);; --region, last = kInRegion >> kHeldUnitShift) {
      const std::uint64_t leaf = word_at(root_.held_directory + region * sizeof(std::uint64_t));
      const std::uint64_t found = leaf == 0 ? kNone : last_start(Address{leaf}, last);
      if (found != kNone) return region << kRegionShift | found << kHeldUnitShift;
      if (region == lowest) return 0;
    }
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::uint64_t word_at(Address at) const {
    return load_word<std::uint64_t>(memory_, at).value_or(0);
  }
  // The highest bit that is set in the word of `last`, none above that.
  std::uint64_t last_in_word(Address words, std::uint64_t last) const {
    const std::uint64_t mask = ~std::uint64_t{0} >> (63 - last % 64);
    const std::uint64_t word = word_at(words + last / 64 * sizeof(std::uint64_t)) & mask;
    return word == 0 ? kNone : last / 64 * 64 + 63 - static_cast<unsigned>(std::countl_zero(word));
  }
  std::uint64_t last_start(Address leaf, std::uint64_t last) const {
    std::uint64_t found = last_in_word(leaf + offsetof(HeldLeaf, starts), last);
    for (std::uint64_t word = last / 64; found == kNone;) {
      word = used_word_below(leaf, word);
      if (word == kNone) return kNone;
      found = last_in_word(leaf + offsetof(HeldLeaf, starts), word * 64 + 63);
    }
    return found;
  }
  std::uint64_t used_word_below(Address leaf, std::uint64_t word) const {
    if (word == 0) return kNone;
    std::uint64_t found = last_in_word(leaf + offsetof(HeldLeaf, used), word - 1);
    for (std::uint64_t group = (word - 1) / 64; found == kNone;) {
      group = used_group_below(leaf, group);
      if (group == kNone) return kNone;
      found = last_in_word(leaf + offsetof(HeldLeaf, used), group * 64 + 63);
    }
    return found;
  }
  std::uint64_t used_group_below(Address leaf, std::uint64_t group) const {
    for (std::uint64_t last = group; last != 0; last = (last - 1) / 64 * 64) {
      const std::uint64_t found = last_in_word(leaf + offsetof(HeldLeaf, more), last - 1);
      if (found != kNone) return found;
    }
    return kNone;
  }

  template <Granularity kG>
  HeldPlace place_in(Address directory, std::uint64_t start, std::uint64_t a) const {
    if (directory == Address{}) return HeldPlace::nobodys;
    const std::uint64_t distance = a - start;
    const std::uint64_t leaf = word_at(directory + region_of(start) * sizeof(std::uint64_t));
    if (leaf == 0) return HeldPlace::nobodys;
    const auto cell = [&](std::uint64_t number) {
      const Address at{leaf + ((start >> kG.cell_shift) + number) * sizeof(Cell)};
      return load_word<Cell>(memory_, at).value_or(0);
    };
    if (is_start(cell(0)) && half_of(cell(0)) == half_at(kG, start)) return HeldPlace::behind;
    // What was there before may have left cells: then it is thought longer than it is.
    std::uint64_t size = kMaximumShortSize;
    if (is_size(cell(1))) size = cell(1) & kPayload;
    if (is_size(cell(2)) && load_acquire(root_.held_reach) >= kFirstSizeInTwoCells)
      size |= std::uint64_t{cell(2) & kPayload} << kPayloadBits;
    const std::uint64_t least = kMaximumShortSize;
    return distance < (size > least ? size : least) ? HeldPlace::open : HeldPlace::nobodys;
  }

  const M& memory_;
  const Root& root_;
};

}  // namespace allocs::index
