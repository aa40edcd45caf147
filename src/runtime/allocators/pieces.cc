// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/pieces.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "base/every_process.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/allocators/wrappers.h"
#include "runtime/index/tables.h"

namespace allocs::allocators {

using namespace index;

namespace {

constexpr std::uint64_t kPage = std::uint64_t{1} << kPageShift;

// ---- families ----

constexpr std::size_t kMostFamilies = 256;
ALLOCS_APART constinit std::array<PieceFamily*, kMostFamilies>
    g_families{};                            // filled from the front
constinit std::uint32_t g_family_count = 0;  // of slots that were taken

// Calls visit(family) for each family until it returns false.
template <typename Visit>
void for_each_family(Visit visit) {
  const std::uint32_t count = load_acquire(g_family_count);
  for (std::uint32_t i = 0; i < count && i < kMostFamilies; ++i) {
    PieceFamily* const family = load_acquire(g_families[i]);
    if (family != nullptr && !visit(*family)) return;
  }
}

template <typename Test>
PieceFamily* find_family(Test test) {
  PieceFamily* found = nullptr;
  for_each_family([&](PieceFamily& family) {
    if (test(family)) found = &family;
    return found == nullptr;
  });
  return found;
}

// The program's text may go with its object.
const char* keep_name(const char* name) {
  const std::size_t size = std::strlen(name) + 1;
  auto* const copy = static_cast<char*>(allocate_own(size, 1));
  if (copy != nullptr) std::memcpy(copy, name, size);
  return copy;
}

PieceFamily* make_family(const char* name) {
  const char* const kept = keep_name(name);
  void* const room = kept == nullptr ? nullptr : allocate_own(sizeof(PieceFamily));
  if (room == nullptr) return nullptr;
  auto* const family = static_cast<PieceFamily*>(room);  // zeroed, which is how one begins
  family->object.name = kept;
  family->number = fetch_add(g_family_count, std::uint32_t{1});
  if (family->number >= kMostFamilies) return nullptr;
  store_release(g_families[family->number], family);
  return family;
}

// ---- the tables ----

// Both directories in one piece: cells, then pages.
bool open_tables() {
  if (has_pieces()) return true;
  constexpr std::size_t kSize = 2 * kRegionCount * sizeof(std::uint64_t);
  void* const made = map_own_pages(kSize);
  if (made == nullptr) return false;
  Address published{};
  if (!compare_exchange(g_root.piece_directory, published, address_of(made))) {
    unmap_own_pages(made, kSize);
    return has_pieces();  // who was first may not have come as far as that
  }
  store_release(g_root.piece_pages, address_of(made) + kRegionCount * sizeof(std::uint64_t));
  store_release(g_pieces.directory, static_cast<const std::uint64_t*>(made));
  store_release(g_pieces.regions, kRegionCount);
  return true;
}

std::uint64_t* cell_directory() {
  return reinterpret_cast<std::uint64_t*>(raw(load_acquire(g_root.piece_directory)));
}
std::uint64_t* page_directory() { return cell_directory() + kRegionCount; }

constinit Refusals g_refusals_of_cells{}, g_refusals_of_pages{};

// Publishes `size` bytes in the directory, biased by `bias`. Returns the word, or 0.
std::uint64_t make_part(std::uint64_t& word, std::size_t size, std::uint64_t bias,
                        Refusals& refusals) {
  if (const std::uint64_t known = load_acquire(word); known != 0) return known;
  void* const made = map_own_pages(size, refusals);
  if (made == nullptr) return 0;
  std::uint64_t published = 0;
  const std::uint64_t mine = raw(address_of(made)) - bias;
  if (compare_exchange(word, published, mine)) return mine;
  unmap_own_pages(made, size);
  return published;
}

struct LeafMaker {
  std::uint64_t operator()(std::uint64_t region) const {
    const std::uint64_t first = region << kRegionShift;
    return make_part(cell_directory()[region], leaf_size(kFine),
                     (first >> kPieceUnitShift) * sizeof(Cell), g_refusals_of_cells);
  }
};
using Writer = ShadowWriter<kFine, LeafMaker>;
Writer writer() { return {cell_directory(), g_root, g_root.highest_piece_level, LeafMaker{}}; }

std::uint8_t* page_byte(std::uint64_t at) {
  const std::uint64_t region = region_of(at);
  const std::uint64_t first = region << kRegionShift;
  const std::uint64_t word =
      make_part(page_directory()[region], kPagesInRegion, first >> kPageShift, g_refusals_of_pages);
  return word == 0 ? nullptr : reinterpret_cast<std::uint8_t*>(word + (at >> kPageShift));
}

// ---- one piece ----

// A frame is no pool: it goes without a word. So is a block or a mapping on which the sub-allocator runs.
bool is_on_stack(std::uint64_t piece, std::uint64_t cfa) {
  constexpr std::uint64_t kNear = std::uint64_t{1} << 20;
  if (piece + kNear >= cfa && piece <= cfa + kNear) return true;
  return thread_with_stack_at(TrustedMemory{}, g_root, Address{piece}).has_value();
}

PoolKind pool_of(std::uint64_t piece, std::size_t size, std::uint64_t cfa) {
  const auto block = find_block(TrustedMemory{}, g_root, Address{piece});
  if (!block) return is_on_stack(piece, cfa) ? PoolKind::none : PoolKind::other;
  const bool holds = block->state == BlockState::known && block->size >= kBigBlock &&
                     raw(block->base) + block->size - piece >= size;
  return holds && !block->contains(Address{cfa}) ? PoolKind::block : PoolKind::none;
}

// Clears the cells of [begin, end) in pages that have pieces; `all`: pages that lie in it whole have none any more.
void clear(std::uint64_t begin, std::uint64_t end, bool all) {
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t region = region_of(at);
    const std::uint64_t region_end = std::min(end, (region + 1) << kRegionShift);
    const std::uint64_t pages = load_acquire(page_directory()[region]);
    const std::uint64_t word = load_acquire(cell_directory()[region]);
    if (pages == 0 || word == 0) {
      at = region_end;
      continue;
    }
    while (at < region_end) {
      const std::uint64_t page_end = std::min(region_end, (at & ~(kPage - 1)) + kPage);
      auto& kind = *reinterpret_cast<std::uint8_t*>(pages + (at >> kPageShift));
      if (load_relaxed(kind) != 0) {
        auto* const cells = reinterpret_cast<Cell*>(word);
        for (std::uint64_t i = at >> kPieceUnitShift; i < (page_end + 7) >> kPieceUnitShift; ++i)
          store_relaxed(cells[i], Cell{0});
        if (all && page_end - at == kPage) store_relaxed(kind, std::uint8_t{0});
      }
      at = page_end;
    }
  }
}

// The cells of [1, count) are no starts any more. At most 1 KiB of address space.
void clear_inside(Cell* start, std::size_t count) {
  if (count < 2) return;
  auto* at = reinterpret_cast<char*>(start + 1);
  std::size_t bytes = (count - 1) * sizeof(Cell);
  const auto put = [&]<typename T>(T zero) {
    // The last one overlaps the one before it rather than the next piece.
    for (; bytes >= sizeof zero; at += sizeof zero, bytes -= sizeof zero)
      std::memcpy(at, &zero, sizeof zero);
    if (bytes != 0) std::memcpy(at + bytes - sizeof zero, &zero, sizeof zero);
  };
  if (bytes >= sizeof(__m128i)) {
    put(_mm_setzero_si128());
  } else if (bytes >= sizeof(std::uint64_t)) {
    put(std::uint64_t{0});
  } else {
    put(Cell{0});
  }
}

bool is_page_known(std::uint64_t at) {
  const std::uint64_t pages = load_acquire(page_directory()[region_of(at)]);
  return pages != 0 && *reinterpret_cast<const std::uint8_t*>(pages + (at >> kPageShift)) != 0;
}

void remember(PieceFamily& family, std::uint64_t return_address, std::uint32_t id) {
  SiteSlot& slot = family.slot_of(return_address);
  std::uint64_t unclaimed = 0;
  if (load_relaxed(slot.cells) != 0) return;
  if (!compare_exchange(slot.cells, unclaimed, cells_of_site(id << kSiteShift))) return;
  store_release(slot.return_address, return_address);
}

// The family's site for the place of `original`.
std::uint32_t site_of_family(PieceFamily& family, std::uint32_t original) {
  PieceFamily::Place*& head = family.places[original % PieceFamily::kBuckets];
  PieceFamily::Place* first = load_acquire(head);
  for (const auto* each = first; each != nullptr; each = each->next) {
    if (each->original == original) return each->id;
  }
  auto* const made = static_cast<PieceFamily::Place*>(allocate_own(sizeof(PieceFamily::Place)));
  const std::uint32_t id = made == nullptr ? 0 : add_piece_site(original, family.number);
  if (id == 0) return 0;
  made->original = original;
  made->id = id;
  do {  // two threads may make one each, for one place: both mean the same
    made->next = first;
  } while (!compare_exchange(head, first, made));
  return id;
}

// As for blocks of malloc: the first caller that is not a wrapper, if it can be found.
std::uint32_t site_for_piece(PieceFamily& family, std::uint64_t cfa) {
  Call call{reinterpret_cast<const void* const*>(cfa)[-1], cfa, 0};
  for (int level = 0;; ++level) {
    const std::uint64_t return_address = raw(address_of(call.return_address));
    const Site site = site_for(return_address);
    const std::uint32_t original = site.bits >> kSiteShift;
    if (site.way_out.bits == 0 || level == kMaximumWrappers || !step_out(call, site.way_out)) {
      const std::uint32_t id = original < kFirstSite ? 0 : site_of_family(family, original);
      if (id != 0 && level == 0 && site.way_out.bits == 0) remember(family, return_address, id);
      return id;
    }
  }
}

// Calls act(slot) for the slot of that return address in each family that has it.
template <typename Act>
void for_each_slot(std::uint64_t return_address, Act act) {
  for_each_family([&](PieceFamily& family) {
    SiteSlot& slot = family.slot_of(return_address);
    if (load_acquire(slot.return_address) == return_address) act(slot);
    return true;
  });
}

}  // namespace

constinit PieceTables g_pieces;

PieceFamily* open_family(PieceMaker& maker) {
  if (PieceFamily* const known = load_acquire(maker.family)) return known;
  PieceFamily* family = find_family(
      [&](const PieceFamily& each) { return std::strcmp(each.object.name, maker.name) == 0; });
  if (family == nullptr) family = make_family(maker.name);
  if (family != nullptr) store_release(maker.family, family);
  return family;
}

PieceFamily* family_of_site(std::uint32_t site) {
  const auto record = site_record_of(TrustedMemory{}, g_root, site);
  if (!record || (record->flags & kSitePiece) == 0) return nullptr;
  const std::uint32_t number = record->flags >> kFamilyShift;
  return number < kMostFamilies ? load_acquire(g_families[number]) : nullptr;
}

PieceFamily* family_of_object(const allocator* object) {
  return find_family([&](const PieceFamily& each) { return &each.object == object; });
}

void* piece_made_anew(void* piece, std::size_t size, std::uint64_t cfa, PieceFamily& family) {
  const std::uint64_t start = raw(address_of(piece));
  const std::uint64_t return_address = reinterpret_cast<const std::uint64_t*>(cfa)[-1];
  const SiteSlot& slot = family.slot_of(return_address);
  Cell* const cell = piece_cell(cell_number(piece));
  if (cell == nullptr || slot.return_address != return_address || size - 1 >= kBigBlock - 1)
    return piece_made_slowly(piece, size, cfa, family);
  // A mark with a size is of a page that has had pieces.
  if ((load_relaxed(*cell) & (kMark | kCodeBits)) <= kMark && !is_page_known(start))
    return piece_made_slowly(piece, size, cfa, family);
  store_relaxed(*cell, Cell{0});
  clear_inside(cell, (size + 7) >> kPieceUnitShift);
  const std::uint64_t cells = slot.cells + size;
  if (size > kMaximumShortSize) store_relaxed(cell[1], static_cast<Cell>(cells));
  store_release(*cell, start_cell(site_bits_of(cells), size_code_for(size), 0));
  return piece;
}

// What was there is over in any case, whether the new piece can be indexed or not.
void* piece_made_slowly(void* piece, std::size_t size, std::uint64_t cfa, PieceFamily& family) {
  const std::uint64_t start = raw(address_of(piece));
  if (piece == nullptr || start >= raw(kEndOfUserAddresses) ||
      size > raw(kEndOfUserAddresses) - start)
    return piece;
  constexpr std::uint64_t kUnit = std::uint64_t{1} << kPieceUnitShift;
  constexpr std::uint64_t kLargest = std::uint64_t{kDistance} << kPieceUnitShift;
  const bool is_indexed = start % kUnit == 0 && size != 0 && size < kLargest;
  // Of a piece that is not aligned the first cell belongs to the one before it.
  if (has_pieces())
    clear((start + kUnit - 1) & ~(kUnit - 1), start + std::max<std::size_t>(size, 1), false);
  const PoolKind pool = is_indexed ? pool_of(start, size, cfa) : PoolKind::none;
  if (pool == PoolKind::none || !open_tables()) {
    fetch_add(g_root.pieces_unindexed, std::uint32_t{1});
    return piece;
  }
  const std::uint32_t site = site_for_piece(family, cfa);
  std::uint8_t* const kind = page_byte(start);
  if (site == 0 || kind == nullptr || LeafMaker{}(region_of(start)) == 0) {
    fetch_add(g_root.pieces_unindexed, std::uint32_t{1});
    return piece;
  }
  store_relaxed(*kind, static_cast<std::uint8_t>(pool));
  writer().insert(start, size, site << kSiteShift);
  return piece;
}

void forget_pieces_in(AddressRange range) {
  if (range.end > kEndOfUserAddresses) return;
  clear(raw(range.begin), raw(range.end), true);
}

void forget_piece_sites(std::uint64_t return_address) {
  for_each_slot(return_address, [](SiteSlot& slot) {
    store_release(slot.return_address, std::uint64_t{0});
    store_release(slot.cells, std::uint64_t{0});
  });
}

void supersede_piece_sites(std::uint64_t return_address) {
  for_each_slot(return_address,
                [](SiteSlot& slot) { store_release(slot.return_address, std::uint64_t{0}); });
}

}  // namespace allocs::allocators
