// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <emmintrin.h>

#include <cstdint>
#include <optional>

#include "base/address.h"
#include "base/memory.h"
#include "runtime/index/cell.h"
#include "runtime/index/flux_table.h"
#include "runtime/index/heap_shadow.h"
#include "runtime/index/root.h"
#include "runtime/index/word.h"

// The reading half of the heap shadow, over any memory. See heap_shadow.h for the idea.
namespace allocs::index {

enum class BlockState : std::uint8_t {
  known,
  in_flux,  // inside realloc: `base` and `size` are what it was before, or 0 when not even that is known
};

struct Block {
  Address base{};
  std::uint64_t size = 0;  // as requested; a block of 0 bytes contains its own first byte
  std::uint32_t site = 0;  // id in the site table; 0 while in flux
  BlockState state = BlockState::known;
  std::uint8_t alignment = 16;  // that starts of such blocks are known to have: 16 over glibc, 8 otherwise

  // The one rule of what is inside a block.
  bool contains(Address a) const { return a == base || (a > base && a - base < size); }
};

// The block of malloc that contains `a`; nullopt: none that is indexed does. Never reads the host's memory.
//
// Context: signal. The answer was true at some moment during the call.
template <Memory M>
std::optional<Block> find_block(const M& memory, const Root& root, Address a);

// ---- the rest is how ----

// One search through the cells of one directory, blind to blocks in flux.
template <Granularity kG, Memory M>
class ShadowReader {
 public:
  ShadowReader(const M& memory, Address directory, unsigned highest_level)
      : memory_(memory), directory_(directory), highest_level_(highest_level) {}

  std::optional<Block> find(Address a) const {
    const std::uint64_t word = word_of(region_of(raw(a)));
    if (word == 0) {
      if (highest_level_ < kRegionShift) return std::nullopt;
    } else if (auto block = scan_back(a, word)) {
      return block;
    }
    if (highest_level_ == 0) return std::nullopt;
    if (auto block = probe_boundaries(a)) return block;
    // The last bytes of a block beyond a boundary that had no room for a record: ask for the byte below it.
    const std::uint64_t boundary = raw(a) & ~(kBigBlock - 1);
    if (raw(a) - boundary >= least_tail(kG)) return std::nullopt;
    if (auto block = probe_boundaries(Address{boundary - 1}); block && block->contains(a)) return block;
    return std::nullopt;
  }

 private:
  std::uint64_t word_of(std::uint64_t region) const {
    return load_word<std::uint64_t>(memory_, directory_ + region * sizeof(std::uint64_t)).value_or(0);
  }
  static Address cell_address(std::uint64_t word, std::uint64_t index) {
    return Address{word + index * sizeof(Cell)};
  }
  Cell cell(std::uint64_t word, std::uint64_t index) const {
    return load_word<Cell>(memory_, cell_address(word, index)).value_or(0);
  }
  static std::uint64_t start_of(std::uint64_t index, Cell start) {
    return (index << kG.cell_shift) + (std::uint64_t{half_of(start)} << 4);
  }

  // The block that starts in cell `index`, if one does and stays there while it is read.
  std::optional<Block> block_at(std::uint64_t word, std::uint64_t index, Cell start) const {
    std::uint64_t size = size_code_of(start);
    if (size > kMaximumShortSize) {
      const Cell low = cell(word, index + 1);
      const Cell high = size == kSizeInTwoCells ? cell(word, index + 2) : 0;
      if (size == kSizeInTwoCells && cell(word, index + 1) != low) return std::nullopt;
      if (cell(word, index) != start) return std::nullopt;
      size = (low & kPayload) | std::uint64_t{high & kPayload} << kPayloadBits;
    }
    return Block{Address{start_of(index, start)}, size, site_of(start), BlockState::known,
                 std::uint8_t{1} << kG.unit_shift};
  }

  // Any block that starts less than 1024 bytes below `a`, and some that start a little lower.
  std::optional<Block> scan_back(Address a, std::uint64_t word) const {
    std::uint64_t index = raw(a) >> kG.cell_shift;
    const Cell own = cell(word, index);
    if (is_start(own) && start_of(index, own) <= raw(a)) {
      auto block = block_at(word, index, own);
      if (block && block->contains(a)) return block;
      if (block) return std::nullopt;
    }
    constexpr std::uint64_t kReach = kBigBlock >> kG.cell_shift;
    const std::uint64_t lowest = index > kReach ? index - kReach : 0;
    unsigned below = static_cast<unsigned>(index & 3);  // cells of the group that lie below `index`
    for (std::uint64_t group = index & ~std::uint64_t{3};; group -= 4, below = 4) {
      unsigned starts = starts_in_group(word, group) & ((1u << below) - 1);
      for (; starts != 0; starts &= ~(1u << (31 - __builtin_clz(starts)))) {
        const std::uint64_t at = group + 31 - static_cast<unsigned>(__builtin_clz(starts));
        const Cell start = cell(word, at);
        if (!is_start(start)) continue;
        const auto block = block_at(word, at, start);
        if (!block) continue;
        return block->contains(a) ? block : std::nullopt;
      }
      if (group <= lowest) return std::nullopt;
      if ((group & (leaf_cells(kG) - 1)) == 0) {
        word = word_of(region_of((group - 1) << kG.cell_shift));
        if (word == 0) return std::nullopt;
      }
    }
  }

  // Bit i: a block starts in cell group + i. Start cells are the positive ones.
  unsigned starts_in_group(std::uint64_t word, std::uint64_t group) const {
    const std::byte* cells = memory_.view(cell_address(word, group), 4 * sizeof(Cell));
    if (cells == nullptr) return 0;
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(cells));
    const __m128i positive = _mm_cmpgt_epi32(four, _mm_setzero_si128());
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(positive)));
  }

  std::optional<Block> probe_boundaries(Address a) const {
    for (std::uint64_t b = raw(a) & ~(kBigBlock - 1); b != 0 && level_of(b) <= highest_level_; b &= b - 1) {
      if (auto block = probe(b); block && block->contains(a)) return block;
    }
    return std::nullopt;
  }

  // The block that the record at boundary b stands for, if there is one.
  std::optional<Block> probe(std::uint64_t b) const {
    const std::uint64_t word = word_of(region_of(b));
    if (word == 0) return std::nullopt;
    const std::uint64_t index = b >> kG.cell_shift;
    const Cell record = cell(word, index);
    if (is_size(record)) return start_before(word, index);
    if (!is_boundary(record)) return std::nullopt;
    if ((record & kFarBoundary) != 0) {
      const std::uint64_t back = std::uint64_t{record & kDistance} << kFarUnitShift;
      if (back == 0 || back >= b) return std::nullopt;
      return probe_near(b - back);
    }
    return start_at(b, record);
  }

  std::optional<Block> probe_near(std::uint64_t b) const {
    const std::uint64_t word = word_of(region_of(b));
    if (word == 0) return std::nullopt;
    const std::uint64_t index = b >> kG.cell_shift;
    const Cell record = cell(word, index);
    if (is_size(record)) return start_before(word, index);
    if (!is_boundary(record) || (record & kFarBoundary) != 0) return std::nullopt;
    return start_at(b, record);
  }

  std::optional<Block> start_at(std::uint64_t b, Cell record) const {
    const std::uint64_t distance = std::uint64_t{record & kDistance} << kG.unit_shift;
    if (distance > b) return std::nullopt;
    const std::uint64_t expected = b - distance;
    const std::uint64_t word = word_of(region_of(expected));
    if (word == 0) return std::nullopt;
    const std::uint64_t index = expected >> kG.cell_shift;
    const Cell start = cell(word, index);
    if (!is_start(start) || start_of(index, start) != expected) return std::nullopt;
    return block_at(word, index, start);
  }

  // A size cell at `index`: its start is in the cell before, or in the one before that.
  std::optional<Block> start_before(std::uint64_t word, std::uint64_t index) const {
    for (std::uint64_t back = 1; back <= 2; ++back) {
      const std::uint64_t at = index - back;
      if ((index & ~(leaf_cells(kG) - 1)) != (at & ~(leaf_cells(kG) - 1))) return std::nullopt;
      const Cell start = cell(word, at);
      if (is_start(start)) return block_at(word, at, start);
    }
    return std::nullopt;
  }

  const M& memory_;
  Address directory_;
  unsigned highest_level_;
};

template <Memory M>
std::optional<Block> find_settled_block(const M& memory, const Root& root, Address a) {
  const unsigned highest = load_relaxed(root.highest_level);
  const Address coarse = load_relaxed(root.directory);
  if (coarse != Address{}) {
    if (auto block = ShadowReader<kCoarse, M>(memory, coarse, highest).find(a)) return block;
  }
  const Address fine = load_relaxed(root.fine_directory);
  if (fine != Address{}) return ShadowReader<kFine, M>(memory, fine, highest).find(a);
  return std::nullopt;
}

// Nothing was found: is it so, or was a block on its way from one cell to another?
template <Memory M>
[[gnu::noinline]] std::optional<Block> find_unsettled_block(const M& memory, const Root& root, Address a) {
  constexpr int kAttempts = 8;
  FluxView before = look_at_flux(root, a);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto block = find_settled_block(memory, root, a)) return block;
    const FluxView after = look_at_flux(root, a);
    const FluxView& told = after.covers ? after : before;
    if (told.covers) return Block{told.range.begin, told.range.size(), 0, BlockState::in_flux, 8};
    if (after.fingerprint == before.fingerprint) return std::nullopt;
    before = after;
  }
  return Block{Address{}, 0, 0, BlockState::in_flux, 8};
}

inline constexpr Address kLowestHeapAddress{0x10000};

template <Memory M>
std::optional<Block> find_block(const M& memory, const Root& root, Address a) {
  if (a < kLowestHeapAddress || a >= kEndOfUserAddresses) return std::nullopt;
  if (auto block = find_settled_block(memory, root, a)) return block;
  if (load_acquire(root.flux_used) == 0) return std::nullopt;
  return find_unsettled_block(memory, root, a);
}

}  // namespace allocs::index
