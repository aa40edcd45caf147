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
#include "runtime/index/held_starts.h"
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
  std::uint8_t alignment =
      16;  // that starts of such blocks are known to have: 16 over glibc, 8 otherwise

  // The one rule of what is inside a block.
  bool contains(Address a) const { return a == base || (a > base && a - base < size); }
};

// The block of malloc that contains `a`; nullopt: none that is indexed does. Never reads the host's memory.
//
// Context: signal. The answer was true at some moment during the call.
template <Memory M>
std::optional<Block> find_block(const M& memory, const Root& root, Address a);
// The same for a caller that counts instructions: inlined, and `out` is filled in place.
template <Memory M>
bool find_block(const M& memory, const Root& root, Address a, Block& out);

// ---- the rest is how ----

inline constexpr Address kLowestHeapAddress{0x10000};

// Which pages of tables to look at, for walks over all of them: all. Others may pass over some that nobody has written to.
struct AllPages {
  // Of 64 pages of the directories, one bit each: those whose regions may have leaves. The first page has the words of the first kRegionsInPage regions.
  std::uint64_t pages_with_leaves(std::uint64_t) const { return ~std::uint64_t{0}; }
  // Calls visit(AddressRange) for the runs of pages of the range, which is of whole pages, until it returns false. False: it did.
  template <typename Visit>
  bool for_each_used_run(AddressRange range, Visit&& visit) const {
    return visit(range);
  }
};

// One search through the cells of one directory, blind to blocks in flux. Every function fills `out` and says whether it did: a
// small struct that is passed on by value through many hands costs more than the search.
template <Granularity kG, Memory M>
class ShadowReader {
 public:
  ShadowReader(const M& memory, Address directory, unsigned highest_level)
      : memory_(memory), directory_(directory), highest_level_(highest_level) {}

  // The blocks that most questions are about: those that start in the cell of `a`, or in the line of cells around it. To be
  // inlined; where it gives nothing, find() looks further. `region` is the word of the region of `a` if no block starts in that line:
  // then find() need not look at it again, and the block may well be a large one.
  [[gnu::always_inline]] bool find_near(Address a, Block& out, std::uint64_t& region) const {
    const std::uint64_t word = word_of(region_of(raw(a)));
    if (word == 0) return false;
    const std::uint64_t index = raw(a) >> kG.cell_shift;
    Cell start = cell(word, index);
    std::uint64_t at = index;
    if (!is_start(start) || start_of(index, start) > raw(a)) {
      const std::uint64_t line = index & ~(kLine - 1);
      const unsigned starts = starts_in_line(word, line) & ((1u << (index % kLine)) - 1);
      if (starts == 0) {
        region = word;
        return false;
      }
      at = line + 31 - static_cast<unsigned>(__builtin_clz(starts));
      start = cell(word, at);
    }
    const std::uint32_t code = size_code_of(start);
    if (!is_start(start) || code == kSizeInTwoCells) return false;
    out.size = code;
    if (code > kMaximumShortSize) {
      out.size = cell(word, at + 1) & kPayload;
      if (cell(word, at) != start) return false;
    }
    describe(at, start, out);
    return out.contains(a);
  }

  bool find(Address a, bool no_start_in_line, Block& out) const {
    const std::uint64_t word = word_of(region_of(raw(a)));
    // A block of the region before may reach into one in which none starts, and which has no leaf: a short way without a
    // record there.
    const bool is_far = word == 0 && (raw(a) & kInRegion) >= kBigBlock;
    if (is_far) {
      if (highest_level_ < kRegionShift) return false;
    } else if (scan_back(a, word, no_start_in_line, out)) {
      return true;
    }
    if (highest_level_ == 0) return false;
    if (probe_boundaries(a, a, out)) return true;
    // The last bytes of a block beyond a boundary that had no room for a record: ask for the byte below it.
    const std::uint64_t boundary = raw(a) & ~(kBigBlock - 1);
    return raw(a) - boundary < least_tail(kG) && probe_boundaries(Address{boundary - 1}, a, out);
  }

  // A block that contains `a` and has a record in the region of `a`, whose word is given.
  [[gnu::always_inline]] bool find_large(Address a, std::uint64_t word, Block& out) const {
    std::uint64_t b = raw(a) & ~(kBigBlock - 1);
    return probe_region(word, a, b, out);
  }

  // Calls visit(AddressRange) for the runs of addresses of the region whose cells lie in pages that may be used, until it returns false.
  template <typename Visit, typename Pages>
  bool for_each_used_part(std::uint64_t region, Visit&& visit, const Pages& pages) const {
    const std::uint64_t word = word_of(region);
    if (word == 0) return true;
    const std::uint64_t first = (region << kRegionShift) >> kG.cell_shift;
    const AddressRange cells{cell_address(word, first), cell_address(word, first + leaf_cells(kG))};
    const auto place_of = [&](Address cell) {
      return Address{(raw(cell) - word) / sizeof(Cell) << kG.cell_shift};
    };
    return pages.for_each_used_run(cells, [&](AddressRange run) {
      return visit(AddressRange{place_of(run.begin), place_of(run.end)});
    });
  }

  // Calls visit(const Block&) for each block that starts in the region, by address, until it returns false. Blocks that start well below
  // `from`, or well above `end`, are passed over.
  template <typename Visit, typename Pages = AllPages>
  bool for_each_block_in(std::uint64_t region, Visit&& visit, Address from = kLowestHeapAddress,
                         Address end = kEndOfUserAddresses, const Pages& pages = {}) const {
    const std::uint64_t word = word_of(region);
    if (word == 0) return true;
    std::uint64_t line = (region << kRegionShift) >> kG.cell_shift;
    std::uint64_t last = line + leaf_cells(kG);
    const std::uint64_t wanted = (raw(from) >> kG.cell_shift) & ~(kLine - 1);
    const std::uint64_t unwanted = (raw(end) >> kG.cell_shift) + 1;
    if (wanted > line) line = wanted;
    if (unwanted < last) last = unwanted;
    if (line >= last) return true;
    const AddressRange cells{cell_address(word, line), cell_address(word, last)};
    return pages.for_each_used_run(cells, [&](AddressRange run) {
      return for_each_block_between(word, (raw(run.begin) - word) / sizeof(Cell),
                                    (raw(run.end) - word) / sizeof(Cell), visit);
    });
  }

 private:
  template <typename Visit>
  bool for_each_block_between(std::uint64_t word, std::uint64_t line, std::uint64_t last,
                              Visit&& visit) const {
    for (; line < last; line += kLine) {
      for (unsigned starts = starts_in_line(word, line); starts != 0; starts &= starts - 1) {
        const std::uint64_t at = line + static_cast<unsigned>(__builtin_ctz(starts));
        const Cell start = cell(word, at);
        Block block;
        if (is_start(start) && read_block(word, at, start, block) && !visit(block)) return false;
      }
    }
    return true;
  }
  std::uint64_t word_of(std::uint64_t region) const {
    return load_word<std::uint64_t>(memory_, directory_ + region * sizeof(std::uint64_t))
        .value_or(0);
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
  [[gnu::always_inline]] bool read_block(std::uint64_t word, std::uint64_t index, Cell start,
                                         Block& out) const {
    std::uint64_t size = size_code_of(start);
    if (size > kMaximumShortSize) {
      const Cell low = cell(word, index + 1);
      const Cell high = size == kSizeInTwoCells ? cell(word, index + 2) : 0;
      if (size == kSizeInTwoCells && cell(word, index + 1) != low) return false;
      if (cell(word, index) != start) return false;
      size = (low & kPayload) | std::uint64_t{high & kPayload} << kPayloadBits;
    }
    out.size = size;
    describe(index, start, out);
    return true;
  }
  // All but the size.
  static void describe(std::uint64_t index, Cell start, Block& out) {
    out.base = Address{start_of(index, start)};
    out.site = site_of(start);
    out.state = BlockState::known;
    out.alignment = std::uint8_t{1} << kG.unit_shift;
  }

  // Any block that starts less than 1024 bytes below `a`, and some that start a little lower. `word` may be 0.
  bool scan_back(Address a, std::uint64_t word, bool no_start_in_line, Block& out) const {
    const std::uint64_t index = raw(a) >> kG.cell_shift;
    std::uint64_t line = index & ~(kLine - 1);
    // Cells of the line that may hold the start.
    unsigned eligible = no_start_in_line ? 0 : (2u << (index % kLine)) - 1;
    if (word == 0) [[unlikely]] {  // none starts in this region
      line = index & ~(leaf_cells(kG) - 1);
      word = word_of(region_of((line - 1) << kG.cell_shift));
      if (word == 0) return false;
      line -= kLine;
      eligible = (1u << kLine) - 1;
    } else if (eligible != 0) {
      const Cell own = cell(word, index);
      if (is_start(own) && start_of(index, own) > raw(a)) eligible >>= 1;
    }
    constexpr std::uint64_t kReach = kBigBlock >> kG.cell_shift;
    const std::uint64_t lowest = index > kReach ? index - kReach : 0;
    for (;; line -= kLine, eligible = (1u << kLine) - 1) {
      unsigned starts = eligible == 0 ? 0 : starts_in_line(word, line) & eligible;
      for (; starts != 0; starts &= ~(1u << (31 - __builtin_clz(starts)))) {
        const std::uint64_t at = line + 31 - static_cast<unsigned>(__builtin_clz(starts));
        const Cell start = cell(word, at);
        if (is_start(start) && read_block(word, at, start, out)) return out.contains(a);
      }
      if (line <= lowest) return false;
      if ((line & (leaf_cells(kG) - 1)) == 0) {
        word = word_of(region_of((line - 1) << kG.cell_shift));
        if (word == 0) return false;
      }
    }
  }

  static constexpr std::uint64_t kInRegion = (std::uint64_t{1} << kRegionShift) - 1;
  static constexpr std::uint64_t kNearLevels = (std::uint64_t{1} << first_far_level(kG)) - 1;
  // The cells of one cache line are looked at together.
  static constexpr std::uint64_t kLine = 16;

  // Bit i: a block starts in cell line + i. Start cells are the positive ones.
  unsigned starts_in_line(std::uint64_t word, std::uint64_t line) const {
    const std::byte* cells = memory_.view(cell_address(word, line), kLine * sizeof(Cell));
    if (cells == nullptr) return 0;
    const auto* quarters = reinterpret_cast<const __m128i*>(cells);
    const __m128i low = _mm_packs_epi32(_mm_loadu_si128(quarters), _mm_loadu_si128(quarters + 1));
    const __m128i high =
        _mm_packs_epi32(_mm_loadu_si128(quarters + 2), _mm_loadu_si128(quarters + 3));
    const __m128i positive = _mm_cmpgt_epi8(_mm_packs_epi16(low, high), _mm_setzero_si128());
    return static_cast<unsigned>(_mm_movemask_epi8(positive));
  }

  // Through the boundaries at or below `from`, a block that contains `a`.
  bool probe_boundaries(Address from, Address a, Block& out) const {
    const std::uint64_t levels = levels_mask();
    std::uint64_t b = raw(from) & ~(kBigBlock - 1);
    // Nearly all of them lie in one leaf, and hold nothing.
    if (const std::uint64_t word = word_of(region_of(b)); word == 0) {
      b &= ~kInRegion;
    } else if (probe_region(word, a, b, out)) {
      return true;
    }
    for (; b != 0 && (b & levels) != 0; b &= b - 1) {
      if (probe(b, true, out) && out.contains(a)) return true;
    }
    return false;
  }

  std::uint64_t levels_mask() const { return (std::uint64_t{2} << highest_level_) - 1; }
  // Through those from `b` down that lie in b's region; leaves `b` at the next one to look at. Each is of a higher level than the one before.
  [[gnu::always_inline]] bool probe_region(std::uint64_t word, Address a, std::uint64_t& b,
                                           Block& out) const {
    const std::uint64_t levels = levels_mask() & kInRegion;
    for (const std::uint64_t near = levels & kNearLevels; (b & near) != 0; b &= b - 1) {
      const Cell record = cell(word, b >> kG.cell_shift);
      if ((record & kNotStart) == 0) continue;
      if (is_size(record) ? read_block_before(word, b >> kG.cell_shift, out)
                          : read_block_of_record(b, record, out)) {
        if (out.contains(a)) return true;
      }
    }
    if ((b & levels) == 0) return false;
    const std::uint64_t records = far_records(word, region_of(b), kG);
    for (; (b & levels) != 0; b &= b - 1) {
      const Cell record = cell(records, b >> first_far_level(kG));
      if (record != 0 && read_far_record(b, record, true, out) && out.contains(a)) return true;
    }
    return false;
  }

  // The block that the far record of boundary b stands for, if there is one.
  [[gnu::noinline]] bool probe(std::uint64_t b, bool may_lead_on, Block& out) const {
    const std::uint64_t word = word_of(region_of(b));
    if (word == 0) return false;
    const std::uint64_t records = far_records(word, region_of(b), kG);
    return read_far_record(b, cell(records, b >> first_far_level(kG)), may_lead_on, out);
  }
  [[gnu::always_inline]] bool read_far_record(std::uint64_t b, Cell record, bool may_lead_on,
                                              Block& out) const {
    if (!is_boundary(record)) return false;
    if ((record & kFarBoundary) == 0) return read_block_of_record(b, record, out);
    const std::uint64_t back = std::uint64_t{record & kDistance} << kFarUnitShift;
    return may_lead_on && back != 0 && back < b && probe(b - back, false, out);
  }

  [[gnu::always_inline]] bool read_block_of_record(std::uint64_t b, Cell record, Block& out) const {
    const std::uint64_t distance = std::uint64_t{record & kDistance} << kG.unit_shift;
    if (distance > b) return false;
    const std::uint64_t expected = b - distance;
    const std::uint64_t word = word_of(region_of(expected));
    if (word == 0) return false;
    const std::uint64_t index = expected >> kG.cell_shift;
    const Cell start = cell(word, index);
    return is_start(start) && start_of(index, start) == expected &&
           read_block(word, index, start, out);
  }

  // A size cell at `index`: its start is in the cell before, or in the one before that. (A start in another region has its
  // size cells behind its own leaf.)
  [[gnu::noinline]] bool read_block_before(std::uint64_t word, std::uint64_t index,
                                           Block& out) const {
    for (std::uint64_t back = 1; back <= 2; ++back) {
      const std::uint64_t at = index - back;
      if (((index ^ at) & ~(leaf_cells(kG) - 1)) != 0) return false;
      const Cell start = cell(word, at);
      if (is_start(start)) return read_block(word, at, start, out);
    }
    return false;
  }

  const M& memory_;
  Address directory_;
  unsigned highest_level_;
};

// Over an allocator that is not glibc's (foreign_shadow.h).
template <Memory M>
[[gnu::noinline]] bool find_foreign_block(const M& memory, const Root& root, Address a,
                                          Block& out) {
  const unsigned highest = load_relaxed(root.highest_level);
  const ShadowReader<kCoarse, M> coarse(memory, load_relaxed(root.directory), highest);
  const ShadowReader<kFine, M> fine(memory, load_relaxed(root.fine_directory), highest);
  std::uint64_t unused = 0;
  return fine.find_near(a, out, unused) || coarse.find(a, false, out) || fine.find(a, false, out);
}
template <Memory M>
[[gnu::noinline]] bool find_large_block(const M& memory, const Root& root, Address a,
                                        std::uint64_t region, Block& out) {
  const unsigned highest = load_relaxed(root.highest_level);
  if (highest == 0) return false;
  // Blocks of the fine shadow first, in case a large one went unseen where they lie now.
  if (load_relaxed(root.fine_directory) != Address{}) [[unlikely]]
    return find_foreign_block(memory, root, a, out);
  return ShadowReader<kCoarse, M>(memory, load_relaxed(root.directory), highest)
      .find_large(a, region, out);
}
template <Memory M>
[[gnu::noinline]] bool find_far_block(const M& memory, const Root& root, Address a,
                                      bool no_start_in_line, Block& out) {
  if (load_relaxed(root.fine_directory) != Address{}) [[unlikely]]
    return find_foreign_block(memory, root, a, out);
  const Address directory = load_relaxed(root.directory);
  const unsigned highest = load_relaxed(root.highest_level);
  return directory != Address{} &&
         ShadowReader<kCoarse, M>(memory, directory, highest).find(a, no_start_in_line, out);
}
template <Memory M>
[[gnu::always_inline]] inline bool find_settled_block(const M& memory, const Root& root, Address a,
                                                      Block& out) {
  const Address coarse = load_relaxed(root.directory);
  std::uint64_t region = 0;
  if (coarse != Address{} && ShadowReader<kCoarse, M>(memory, coarse, 0).find_near(a, out, region))
    return true;
  if (region != 0 && find_large_block(memory, root, a, region, out)) return true;
  return find_far_block(memory, root, a, region != 0, out);
}

// Nothing was found: is it so, or was a block on its way from one cell to another?
template <Memory M>
[[gnu::noinline]] std::optional<Block> find_unsettled_block(const M& memory, const Root& root,
                                                            Address a) {
  constexpr int kAttempts = 8;
  Block block;
  const HeldStartsReader<M> held(memory, root);
  bool was_behind = false;
  FluxView before = look_at_flux(memory, root, a);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (find_settled_block(memory, root, a, block)) return block;
    const FluxView after = look_at_flux(memory, root, a);
    const FluxView& told = after.covers ? after : before;
    if (told.covers) return Block{told.range.begin, told.range.size(), 0, BlockState::in_flux, 8};
    if (after.fingerprint == before.fingerprint) {
      // A held block that is being freed is in no cell for a moment: then once more.
      const HeldPlace place = held.look_at(a);
      if (place == HeldPlace::nobodys || (place == HeldPlace::behind && was_behind))
        return std::nullopt;
      was_behind = place == HeldPlace::behind;
    }
    before = after;
  }
  return Block{Address{}, 0, 0, BlockState::in_flux, 8};
}

template <Memory M>
[[gnu::always_inline]] inline bool find_block(const M& memory, const Root& root, Address a,
                                              Block& out) {
  if (raw(a) - raw(kLowestHeapAddress) >= kEndOfUserAddresses - kLowestHeapAddress) return false;
  if (find_settled_block(memory, root, a, out)) return true;
  if (load_of_root(memory, root.flux_used) == 0) return false;
  const std::optional<Block> found = find_unsettled_block(memory, root, a);
  if (found) out = *found;
  return found.has_value();
}

template <Memory M>
std::optional<Block> find_block(const M& memory, const Root& root, Address a) {
  std::optional<Block> found(std::in_place);
  if (!find_block(memory, root, a, *found)) found.reset();
  return found;
}

}  // namespace allocs::index
