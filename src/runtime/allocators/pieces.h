// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "allocs.h"
#include "base/address.h"
#include "runtime/allocators/state.h"
#include "runtime/index/heap_shadow.h"
#include "runtime/index/piece_shadow.h"
#include "runtime/index/word.h"

// What declared sub-allocators tell: that they have made a piece, or are about to take one back. The compiler puts the calls into
// them (declarations/piece_code.h). index/piece_shadow.h has the table and how it is kept true.
//
// Like the hooks of malloc these take no lock and make no atomic read-modify-write: a piece's cells are its owner's.
namespace allocs::allocators {

// All pieces of one name: an allocator of the tree. Never given back.
struct PieceFamily {
  allocator object{};  // first: a pointer to it is one to the family
  std::uint32_t number = 0;

  // The site cache, as SiteSlot: written once, emptied when the module of the address goes.
  static constexpr std::size_t kSlots = 512;
  std::array<SiteSlot, kSlots> slots{};
  // All sites of the family, by the site of the place.
  static constexpr std::size_t kBuckets = 64;
  struct Place {
    std::uint32_t original = 0;
    std::uint32_t id = 0;
    Place* next = nullptr;
  };
  std::array<Place*, kBuckets> places{};

  SiteSlot& slot_of(std::uint64_t return_address) { return slots[(return_address >> 3) % kSlots]; }
};

// What the compiler puts into a program for one declared function.
struct PieceMaker {
  const char* name;
  PieceFamily* family;  // nullptr until the first piece
};

// What the usual road needs of the tables: the directory of cells, and how many regions it has, 0 until there is a piece.
struct PieceTables {
  std::uint64_t regions = 0;
  const std::uint64_t* directory = nullptr;
};
extern ALLOCS_OWN constinit PieceTables g_pieces;

// Whether there has been any piece. Context: signal.
inline bool has_pieces() { return index::load_acquire(g_pieces.regions) != 0; }

// nullptr: there are as many as there can be. Context: hook.
PieceFamily* open_family(PieceMaker& maker);
// The family of a site of pieces, or nullptr; the family that the object stands for, or nullptr. Context: signal.
PieceFamily* family_of_site(std::uint32_t site);
PieceFamily* family_of_object(const allocator* object);

// A piece was made. `cfa`: of the sub-allocator's frame; the word below is its return address. Returns `piece`. The first needs a page that has
// had pieces; the second needs nothing. Context: hook.
void* piece_made_anew(void* piece, std::size_t size, std::uint64_t cfa, PieceFamily& family);
void* piece_made_slowly(void* piece, std::size_t size, std::uint64_t cfa, PieceFamily& family);

// What lies in the range is no piece any more. Context: hook.
void forget_pieces_in(AddressRange range);
inline void forget_pieces(AddressRange range) {
  if (has_pieces()) [[unlikely]]
    forget_pieces_in(range);
}
// The module of the return address goes. Context: hook.
void forget_piece_sites(std::uint64_t return_address);
// Its site turned out to be in a wrapper: from now on the slow road. Context: query.
void supersede_piece_sites(std::uint64_t return_address);

// A site of the family for the place of `original`; 0 when there is no room. (site_recorder.cc)
std::uint32_t add_piece_site(std::uint32_t original, std::uint32_t family);

// ---- the usual road: a piece below 1 KiB no larger than the last one at its address ----
//
// A piece that is taken back leaves a mark in its start cell: that of a boundary that is far away, which pieces do not have, with the size code.
// It cleared the starts within itself when it was made, so whoever follows it with no more bytes has nothing to clear or to look up. (Unless
// another piece was made inside meanwhile; then both are there, and a query sees that they overlap.)

inline constexpr index::Cell kMark = index::kBoundary | index::kFarBoundary;
inline constexpr index::Cell kCodeBits = 63u << index::kSizeShift;

// The number of the address's cell; an address that is not aligned gives one in no region.
[[gnu::always_inline]] inline std::uint64_t cell_number(const void* piece) {
  return std::rotr(reinterpret_cast<std::uint64_t>(piece), index::kPieceUnitShift);
}
// The cell, or nullptr where there is none.
[[gnu::always_inline]] inline index::Cell* piece_cell(std::uint64_t number) {
  const std::uint64_t region = number >> (index::kRegionShift - index::kPieceUnitShift);
  if (region >= index::load_acquire(g_pieces.regions)) [[unlikely]]
    return nullptr;
  const std::uint64_t word = index::load_acquire(g_pieces.directory[region]);
  return word == 0 ? nullptr : reinterpret_cast<index::Cell*>(word) + number;
}

[[gnu::always_inline]] inline void* piece_made(void* piece, std::size_t size, std::uint64_t cfa,
                                               PieceFamily& family) {
  const std::uint64_t return_address = reinterpret_cast<const std::uint64_t*>(cfa)[-1];
  const SiteSlot& slot = family.slot_of(return_address);
  index::Cell* const cell = piece_cell(cell_number(piece));
  if (cell == nullptr || slot.return_address != return_address) [[unlikely]]
    return piece_made_slowly(piece, size, cfa, family);
  // As numbers marks are the largest of what is left of a cell, and larger with larger sizes.
  const index::Cell known = index::load_relaxed(*cell) & (kMark | kCodeBits);
  const std::uint64_t cells = slot.cells + size;
  index::Cell code = static_cast<index::Cell>(size << index::kSizeShift);
  if (size > index::kMaximumShortSize) {
    code = index::kSizeInOneCell << index::kSizeShift;
    const auto size_cell = static_cast<index::Cell>(cells);
    if (known != (kMark | code) || size >= index::kBigBlock ||
        index::load_relaxed(cell[1]) - size_cell >= index::kBigBlock) [[unlikely]]
      return piece_made_anew(piece, size, cfa, family);
    index::store_relaxed(cell[1], size_cell);
  } else if (known < (kMark | code)) [[unlikely]] {
    return piece_made_anew(piece, size, cfa, family);
  }
  index::store_release(*cell, site_bits_of(cells) + code);
  return piece;
}

[[gnu::always_inline]] inline void piece_gone(void* piece) {
  index::Cell* const cell = piece_cell(cell_number(piece));
  if (cell == nullptr) [[unlikely]]
    return;
  index::store_release(*cell, (index::load_relaxed(*cell) & kCodeBits) | kMark);
}

}  // namespace allocs::allocators
