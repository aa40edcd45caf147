// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "base/address.h"
#include "base/every_process.h"
#include "runtime/index/cell.h"
#include "runtime/index/root.h"
#include "runtime/index/word.h"

// The heap shadow: from an address to the block of malloc that contains it.
//
// The problem. Every malloc and free of the host pays for this index, any thread and any signal handler may ask it
// at any time, and the blocks must keep their size and place.
//
// The idea. A side table has one 4-byte cell for 32 bytes of address space (cell.h). A block writes the cell of its
// first byte, and no other block can own that cell; so a block is inserted and removed by plain stores of its owner, without a
// lock and without an atomic read-modify-write. The hand-over of memory from one owner to the next is
// ordered by the allocator's own synchronisation, as it is for the block's contents.
//
// The table has two levels: a directory of 2^21 words, one for each region of 64 MiB, and leaves of 8 MiB that are mapped
// when first needed. A directory word is "biased": it is the address that the leaf's cell of address 0 would have, so
// that the cell of address a is at word + 4 * (a >> 5), wherever a lies in the region. 0 means that there is no leaf. Behind its
// cells a leaf has a page for the size cells of a block that starts in the last cell, and then the region's far records.
//
// Interior addresses. From address a, the nearest start cell at or below it is the only candidate, and if the block
// is shorter than 1024 bytes it is at most 33 cells away. A longer block also leaves boundary records: for each level
// k >= 10 let c be its start rounded down to a multiple of 2^(k+1) and b = c + 2^k. If start < b < end, the record of b holds the
// distance from b to the start. From level 15 on (13 in fine cells) b is where a page of cells begins, of which nothing else need be
// there: these records are kept side by side, as far records. So a large block that the program hardly touches makes
// one page of cells resident, that of its start, and a share of the two pages of the region's far records.
//
//   example: a block at 0x10410 of 0x2000 bytes ends at 0x12410:
//   k = 10: c = 0x10000, b = 0x10400: not above the start, no record
//   k = 11: c = 0x10000, b = 0x10800: record "0x3f0 below"         k = 12: b = 0x11000: record "0xbf0 below"
//   k = 13: c = 0x10000, b = 0x12000: record "0x1bf0 below"        k = 14: b = 0x14000: beyond the end
//
// For a more than 1024 bytes into the block, take the largest k for which a rounded down to 2^k is still above the
// start: then that is the b of level k. The reader does not know k, so it tries them all: O(log n) stores and
// probes. The records of one block are found by b -> b + lowest bit of b. Distances of 8 GiB and more do not fit; such a record
// gives the distance to the block's lowest boundary that is a multiple of 256 KiB, whose own record does fit.
//
// Three corners. (1) A boundary whose record is a cell may fall on a size cell of the same block: the size cell wins, and a reader that finds
// one at a boundary looks for the start in the one or two cells before it. (2) Over glibc, the block that follows may start in
// the second half of the cell that a boundary shares with the last bytes of this one; no record is written unless
// more than 16 bytes follow the boundary, and a reader that fails so near to a boundary asks again for the byte below it. (3)
// Nothing but the start cell is ever cleared: size cells and boundary records mean something only with
// the start cell that they belong to, and a reader believes none without it.
//
// Order. New block: sizes and boundaries, then the start cell (release). Free: the start cell is cleared before the real
// free. Readers load the start cell, then the sizes, then the start cell again. The two size cells of blocks from 1 GiB up are
// read low, high, low.
//
// Cost: 1/8 of the heap's span in address space, and in memory for those parts that hold blocks; one store for a block up
// to 60 bytes, two up to 1023, then one more for each power of two.
//
// Rejected: one flat table (a core dump of it takes minutes, RLIMIT_AS kills it); a record for each page (1 MiB blocks
// got five times slower); reading the allocator's chunk headers (stale ones look live); trailers (change the block's size).
namespace allocs::index {

constexpr std::uint64_t leaf_cells(Granularity g) {
  return std::uint64_t{1} << (kRegionShift - g.cell_shift);
}
// The first level whose records are far ones: their boundaries are where pages of cells begin.
constexpr unsigned first_far_level(Granularity g) { return 10 + g.cell_shift; }
constexpr std::uint64_t far_records_offset(Granularity g) {
  return leaf_cells(g) * sizeof(Cell) + 4096;
}
constexpr std::uint64_t far_records_size(Granularity g) {
  return (std::uint64_t{1} << (kRegionShift - first_far_level(g))) * sizeof(Cell);
}
constexpr std::uint64_t leaf_size(Granularity g) {
  return far_records_offset(g) + far_records_size(g);
}
constexpr std::uint64_t region_of(std::uint64_t address) { return address >> kRegionShift; }
// The directory word of the leaf at `leaf` for region `region`.
constexpr std::uint64_t biased(std::uint64_t leaf, std::uint64_t region, Granularity g) {
  return leaf - ((region << kRegionShift) >> g.cell_shift) * sizeof(Cell);
}
constexpr std::uint64_t unbiased(std::uint64_t word, std::uint64_t region, Granularity g) {
  return word + ((region << kRegionShift) >> g.cell_shift) * sizeof(Cell);
}

// Of the directory word of a region: biased likewise, so that the far record of boundary b is at the result + 4 * (b >> level).
constexpr std::uint64_t far_records(std::uint64_t word, std::uint64_t region, Granularity g) {
  return unbiased(word, region, g) + far_records_offset(g) - region * far_records_size(g);
}

// The first boundary above `start`, and the next of the same block, which is of a higher level.
constexpr std::uint64_t first_boundary(std::uint64_t start) {
  return (start | (kBigBlock - 1)) + 1;
}
constexpr std::uint64_t next_boundary(std::uint64_t b) { return b + (b & (~b + 1)); }
constexpr unsigned level_of(std::uint64_t b) { return static_cast<unsigned>(std::countr_zero(b)); }

inline constexpr unsigned kFarUnitShift = 18;
constexpr Cell boundary_record(std::uint64_t start, std::uint64_t b, Granularity g) {
  const std::uint64_t near = (b - start) >> g.unit_shift;
  if (near <= kDistance) return kBoundary | static_cast<Cell>(near);
  const std::uint64_t lowest = (start | ((std::uint64_t{1} << kFarUnitShift) - 1)) + 1;
  return kBoundary | kFarBoundary | static_cast<Cell>((b - lowest) >> kFarUnitShift);
}
inline void raise_level(std::uint32_t& highest, unsigned level) {
  std::uint32_t seen = load_relaxed(highest);
  while (seen < level && !compare_exchange(highest, seen, level)) {
  }
}
// In which half of its cell a block starts.
constexpr std::uint32_t half_at(Granularity g, std::uint64_t start) {
  return g.cell_shift == 5 ? static_cast<std::uint32_t>(start >> 4) & 1 : 0;
}
// So many bytes of a block follow a boundary that has a record.
constexpr std::uint64_t least_tail(Granularity g) { return g.cell_shift == 5 ? 17 : 1; }

// The writing half. `directory` is u64[kRegionCount]; `LeafMaker` maps the leaf of a region on first use and returns its
// directory word, or 0: it may be called by several threads at once.
//
// Context: hook. Only the owner of a block may call anything for it.
template <Granularity kG, typename LeafMaker, typename Store = DirectStore>
class ShadowWriter {
 public:
  ShadowWriter(std::uint64_t* directory, Root& root, LeafMaker make_leaf, Store store = {})
      : ShadowWriter(directory, root, root.highest_level, make_leaf, store) {}
  // `highest_level` is that of the directory.
  ShadowWriter(std::uint64_t* directory, Root& root, std::uint32_t& highest_level,
               LeafMaker make_leaf, Store store = {})
      : directory_(directory),
        root_(root),
        highest_level_(highest_level),
        make_leaf_(make_leaf),
        store_(store) {}

  // Any block, any size. False: not indexed, for want of memory or because the address is not aligned. Of a block in several
  // regions the part in one whose leaf cannot be had is not indexed.
  [[ALLOCS_EVERY_PROCESS]] bool insert(std::uint64_t start, std::uint64_t size,
                                       std::uint32_t site_bits) const {
    constexpr std::uint64_t kUnit = std::uint64_t{1} << kG.unit_shift;
    if ((start & (kUnit - 1)) != 0 || start >= raw(kEndOfUserAddresses)) {
      fetch_add(root_.counters.blocks_misaligned, std::uint64_t{1});
      return false;
    }
    Cell* const cell = cell_at(start);
    if (cell == nullptr) {
      fetch_add(root_.counters.blocks_without_leaf, std::uint64_t{1});
      return false;
    }
    if (size >= kBigBlock) write_boundaries(start, size);
    const std::uint32_t code = size_code_for(size);
    if (code == kSizeInOneCell) store_.store(cell + 1, size_cell(size));
    if (code == kSizeInTwoCells) {
      store_.store(cell + 1, size_cell(size));
      store_.store(cell + 2, size_cell(size >> kPayloadBits));
    }
    store_.publish(cell, start_cell(site_bits, code, half_at(start)));
    return true;
  }

  void write_boundaries(std::uint64_t start, std::uint64_t size) const {
    const std::uint64_t end =
        start + size - least_tail(kG);  // the last address that may have a record
    std::uint64_t region = region_of(start);
    std::uint64_t word = load_relaxed(directory_[region]);
    std::uint64_t last = 0;
    std::uint64_t b = first_boundary(start);
    for (; b <= end && level_of(b) < first_far_level(kG); b = next_boundary(b)) {
      store_.store(existing_cell(word, b), boundary_record(start, b, kG));
      last = b;
    }
    for (; b <= end; b = next_boundary(b)) {
      if (region_of(b) != region) [[unlikely]] {
        region = region_of(b);
        if (b >= raw(kEndOfUserAddresses)) break;
        word = load_acquire(directory_[region]);
        if (word == 0) word = make_leaf_(region);
        if (word == 0) fetch_add(root_.counters.blocks_without_leaf, std::uint64_t{1});
      }
      if (word != 0) store_.store(far_record(word, b), boundary_record(start, b, kG));
      last = b;
    }
    if (last != 0) raise_level(highest_level_, level_of(last));
  }

  void erase(std::uint64_t start) const {
    const std::uint64_t word = load_relaxed(directory_[region_of(start)]);
    if (word == 0) return;
    store_.publish(existing_cell(word, start), Cell{0});
  }

  // The cell of the block that starts at `start` by the index; nullptr: none does.
  Cell* cell_of_block(std::uint64_t start) const {
    if (start >= raw(kEndOfUserAddresses)) return nullptr;
    const std::uint64_t word = load_relaxed(directory_[region_of(start)]);
    if (word == 0) return nullptr;
    Cell* const cell = existing_cell(word, start);
    const Cell value = load_relaxed(*cell);
    return is_start(value) && half_of(value) == half_at(start) ? cell : nullptr;
  }

  static Cell* existing_cell(std::uint64_t word, std::uint64_t address) {
    return reinterpret_cast<Cell*>(word) + (address >> kG.cell_shift);
  }
  static Cell* far_record(std::uint64_t word, std::uint64_t b) {
    return reinterpret_cast<Cell*>(far_records(word, region_of(b), kG)) +
           (b >> first_far_level(kG));
  }
  static constexpr std::uint32_t half_at(std::uint64_t start) { return index::half_at(kG, start); }

 private:
  Cell* cell_at(std::uint64_t address) const {
    if (address >= raw(kEndOfUserAddresses)) return nullptr;
    const std::uint64_t region = region_of(address);
    std::uint64_t word = load_acquire(directory_[region]);
    if (word == 0) word = make_leaf_(region);
    return word == 0 ? nullptr : existing_cell(word, address);
  }

  std::uint64_t* directory_;
  Root& root_;
  std::uint32_t& highest_level_;
  LeafMaker make_leaf_;
  [[no_unique_address]] Store store_;
};

}  // namespace allocs::index
