// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/find_block.h"

// The piece shadow: from an address to the piece of a declared sub-allocator that contains it.
//
// It is the heap shadow's table in its fine form, one 4-byte cell for 8 bytes, in a directory of its own, so that a piece may start where
// its block starts. What is new is that nobody tells when a pool goes: its memory is freed, unmapped, or handed out anew without a word about
// the pieces. Three rules keep the pieces of the past from being believed.
//
//   1. Each page in which a piece starts has a byte that says what the pool was: a block of malloc, or something else. A piece is believed
//      only where that is what is there now (query). Blocks below 1 KiB are no pools.
//   2. Who hands out memory in which pools may have been clears the cells of its pages: malloc for a block of 1 KiB or more, mmap, munmap and
//      mremap, and the unloading of an object. The byte tells the pages that have any, so this costs a look at one byte a page.
//   3. A piece clears the starts within itself; but not where one of the same size was before, which is the way of most pools. So one of the past
//      may start within it, or it may be one of the past within another. Where pieces below 1 KiB overlap nothing is told, nor of one in which another
//      starts: that is a pool itself, or of the past.
//
// So a pool that forgets all its pieces at once leaves them believed until their memory is handed out again.
namespace allocs::index {

enum class PoolKind : std::uint8_t { none = 0, block, other };

inline constexpr unsigned kPieceUnitShift = kFine.unit_shift;
inline constexpr unsigned kPageShift = 12;
inline constexpr std::uint64_t kPagesInRegion = std::uint64_t{1} << (kRegionShift - kPageShift);

struct Piece {
  Block block;
  PoolKind pool = PoolKind::none;
  bool overlaps = false;  // with another: nothing can be told of it
};

// What the pool at `a` was when a piece was last made on its page.
template <Memory M>
PoolKind pool_kind_at(const M& memory, const Root& root, Address a) {
  const auto pages = load_word<std::uint64_t>(
      memory, load_acquire(root.piece_pages) + region_of(raw(a)) * sizeof(std::uint64_t));
  if (!pages || *pages == 0) return PoolKind::none;
  return static_cast<PoolKind>(
      load_word<std::uint8_t>(memory, Address{*pages + (raw(a) >> kPageShift)}).value_or(0));
}

// Calls visit(const Block&) for each piece that starts in [from, end), by address, until it returns false.
template <Memory M, typename Visit>
void for_each_piece_start(const M& memory, const Root& root, Address from, Address end,
                          Visit&& visit) {
  const Address directory = load_acquire(root.piece_directory);
  if (directory == Address{} || from >= end) return;
  const ShadowReader<kFine, M> reader(memory, directory, 0);
  bool goes_on = true;
  for (std::uint64_t region = region_of(raw(from)); goes_on && region << kRegionShift < raw(end);
       ++region) {
    reader.for_each_block_in(
        region,
        [&](const Block& block) {
          if (block.base >= from && block.base < end) goes_on = visit(block);
          return goes_on && block.base < end;
        },
        from, end);
  }
}

// Does another piece start within this one?
template <Memory M>
bool holds_pieces(const M& memory, const Root& root, const Block& block) {
  bool holds = false;
  for_each_piece_start(memory, root, block.base + 1, block.base + block.size, [&](const Block&) {
    holds = true;
    return false;
  });
  return holds;
}

// The innermost piece below 1 KiB that contains `a`. `overlaps`: it starts within another one.
template <Memory M>
std::optional<Block> find_small_piece(const M& memory, const Root& root, Address a,
                                      bool& overlaps) {
  constexpr std::uint64_t kReach = 2 * kBigBlock;
  const Address from = raw(a) > kReach ? Address{raw(a) - kReach} : Address{};
  std::optional<Block> found;
  Address reached{};  // by those before
  for_each_piece_start(memory, root, from, a + 1, [&](const Block& block) {
    if (block.size >= kBigBlock) return true;
    if (block.contains(a)) {
      found = block;
      overlaps = block.base < reached;
    }
    reached = std::max(reached, block.base + block.size);
    return true;
  });
  return found;
}

// The piece that contains `a`; nullopt: none does, as far as the shadow knows.
// Context: signal.
template <Memory M>
std::optional<Piece> find_piece(const M& memory, const Root& root, Address a) {
  const Address directory = load_acquire(root.piece_directory);
  if (directory == Address{} || a < kLowestHeapAddress || a >= kEndOfUserAddresses)
    return std::nullopt;
  Piece piece;
  if (const auto small = find_small_piece(memory, root, a, piece.overlaps)) {
    piece.block = *small;
  } else {
    const ShadowReader<kFine, M> reader(memory, directory, load_relaxed(root.highest_piece_level));
    if (!reader.find(a, false, piece.block)) return std::nullopt;
  }
  piece.overlaps = piece.overlaps || holds_pieces(memory, root, piece.block);
  piece.pool = pool_kind_at(memory, root, piece.block.base);
  return piece;
}

}  // namespace allocs::index
