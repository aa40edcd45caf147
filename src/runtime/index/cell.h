// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The cell of the heap shadow: 4 bytes that stand for 32 bytes of address space, or for 8 (foreign_shadow.h).
//
//   31 30                       7 6         1 0
//   0  [ site, never 0          ] [size code] half      a block starts here; half: in the second 16 bytes
//   1 0 [ 30 bits of a size                        ]    the cell after a start whose code says so
//   1 1 f [ 29 bits: where the block starts        ]    boundary record, at a multiple of 1024: see heap_shadow.h
//   0                                                   nothing
//
// Why a size always has room: glibc's smallest chunk is 32 bytes, so two starts never share a cell; a request of 61
// bytes or more has a chunk of at least 64, so the cell after its start is its own. In 8-byte cells any block longer than 60
// bytes owns the six cells after its start.
namespace allocs::index {

using Cell = std::uint32_t;

// Where addresses meet cells. Boundary distances are counted in units of the alignment that blocks have.
struct Granularity {
  unsigned cell_shift;  // bytes of address space of one cell
  unsigned unit_shift;  // alignment of blocks
};
inline constexpr Granularity kCoarse{5, 4};  // over glibc, and most blocks of any other allocator
inline constexpr Granularity kFine{3, 3};    // the rest

inline constexpr Cell kNotStart = 0x80000000u;
inline constexpr Cell kBoundary = 0xC0000000u;
inline constexpr Cell kTopBits = 0xC0000000u;
inline constexpr Cell kSizeCell = 0x80000000u;
inline constexpr Cell kFarBoundary = 0x20000000u;  // format bit of a boundary record
inline constexpr Cell kPayload = 0x3FFFFFFFu;      // of a size cell
inline constexpr Cell kDistance = 0x1FFFFFFFu;     // of a boundary record
inline constexpr unsigned kPayloadBits = 30;

inline constexpr unsigned kSiteShift = 7;
inline constexpr std::uint32_t kMaximumSite = (1u << 24) - 1;
inline constexpr unsigned kSizeShift = 1;
inline constexpr std::uint32_t kMaximumShortSize = 60;  // exact in the start cell
inline constexpr std::uint32_t kSizeInTwoCells = 61;
inline constexpr std::uint32_t kSizeInOneCell = 63;
inline constexpr std::uint64_t kFirstSizeInTwoCells = std::uint64_t{1} << kPayloadBits;

// Blocks of this size and more have boundary records; the start of any other lies at most this far below its last byte.
inline constexpr unsigned kFirstLevel = 10;
inline constexpr std::uint64_t kBigBlock = std::uint64_t{1} << kFirstLevel;
inline constexpr unsigned kLastLevel = 46;

constexpr bool is_start(Cell cell) { return cell != 0 && (cell & kNotStart) == 0; }
constexpr bool is_size(Cell cell) { return (cell & kTopBits) == kSizeCell; }
constexpr bool is_boundary(Cell cell) { return (cell & kTopBits) == kBoundary; }

constexpr std::uint32_t site_of(Cell start) { return (start & ~kNotStart) >> kSiteShift; }
constexpr std::uint32_t size_code_of(Cell start) { return (start >> kSizeShift) & 63; }
constexpr std::uint32_t half_of(Cell start) { return start & 1; }

constexpr std::uint32_t size_code_for(std::uint64_t size) {
  if (size <= kMaximumShortSize) return static_cast<std::uint32_t>(size);
  return size < kFirstSizeInTwoCells ? kSizeInOneCell : kSizeInTwoCells;
}
// `site_bits` is the site's number already shifted to its place.
constexpr Cell start_cell(std::uint32_t site_bits, std::uint32_t size_code, std::uint32_t half) {
  return site_bits | size_code << kSizeShift | half;
}
constexpr Cell size_cell(std::uint64_t payload) {
  return kSizeCell | static_cast<Cell>(payload & kPayload);
}

}  // namespace allocs::index
