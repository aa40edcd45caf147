// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/heap_events.h"

#include "base/every_process.h"
#include "runtime/allocators/base_level.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/pieces.h"
#include "runtime/allocators/recent_sites.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/flux_table.h"
#include "runtime/index/foreign_shadow.h"
#include "runtime/index/heap_shadow.h"

namespace allocs::allocators {

using namespace index;

namespace {

// One bit for each page of the directories: a leaf was made of a region in it.
constinit std::uint64_t g_pages_with_leaves[kRegionCount / kRegionsInPage / 64] = {};

template <Granularity kG>
constinit Refusals g_refusals_of_leaves{};

// Maps the leaf of a region on first use.
template <Granularity kG>
struct LeafMaker {
  std::uint64_t* directory;

  std::uint64_t operator()(std::uint64_t region) const {
    void* const leaf = map_own_pages(leaf_size(kG), g_refusals_of_leaves<kG>);
    if (leaf == nullptr) return 0;
    const std::uint64_t word = biased(raw(address_of(leaf)), region, kG);
    const std::uint64_t page = region / kRegionsInPage;
    __atomic_fetch_or(&g_pages_with_leaves[page / 64], std::uint64_t{1} << page % 64,
                      __ATOMIC_RELEASE);
    std::uint64_t published = 0;
    if (word != 0 && compare_exchange(directory[region], published, word)) return word;
    unmap_own_pages(leaf, leaf_size(kG));
    return published;
  }
};
template <Granularity kG>
ShadowWriter<kG, LeafMaker<kG>> writer_of(std::uint64_t* directory) {
  return {directory, g_root, LeafMaker<kG>{directory}};
}
// That of the hooks; or over a foreign allocator another one, and the hooks' is empty, so that they come here.
std::uint64_t* coarse_directory() {
  return reinterpret_cast<std::uint64_t*>(raw(load_relaxed(g_root.directory)));
}
std::uint64_t* fine_directory() {
  return reinterpret_cast<std::uint64_t*>(raw(load_relaxed(g_root.fine_directory)));
}
auto foreign_writer(std::uint64_t* fine) {
  return ForeignShadowWriter(writer_of<kCoarse>(coarse_directory()), writer_of<kFine>(fine));
}

// The word of the region of `start` in a directory.
[[gnu::always_inline]] inline std::uint64_t word_in(const std::uint64_t* directory,
                                                    std::uint64_t start) {
  return load_relaxed(directory[region_of(start)]);
}
// The leaf for a block over a foreign allocator that has a coarse cell; 0: it has none, or there is no such allocator.
[[gnu::always_inline]] inline std::uint64_t foreign_leaf_for(std::uint64_t start,
                                                             std::uint64_t size) {
  return has_coarse_cell(start, size) ? word_in(coarse_directory(), start) : 0;
}

// `kept`: so many of its bytes the program had before, with what lies in them.
[[ALLOCS_EVERY_PROCESS]] void insert(void* block, std::size_t size, std::uint32_t site_bits,
                                     std::size_t kept = 0) {
  const std::uint64_t start = raw(address_of(block));
  if (size >= kBigBlock && size > kept)
    forget_pieces({address_of(block) + kept, address_of(block) + size});
  if (std::uint64_t* const fine = fine_directory(); fine != nullptr) {
    foreign_writer(fine).insert(start, size, site_bits);
  } else if (!load_relaxed(g_indexes_nothing)) {
    writer_of<kCoarse>(coarse_directory()).insert(start, size, site_bits);
  }
}

void erase(void* block) {
  const std::uint64_t start = raw(address_of(block));
  if (start >= raw(kEndOfUserAddresses)) return;
  if (std::uint64_t* const fine = fine_directory(); fine != nullptr) {
    foreign_writer(fine).erase(start);
  } else {
    writer_of<kCoarse>(coarse_directory()).erase(start);
  }
}

// The site of the first caller that is not a wrapper; that of the outermost one that was found, if it cannot be told.
[[ALLOCS_EVERY_PROCESS]] std::uint32_t site_bits_for(Call call) {
  for (int level = 0;; ++level) {
    if (const std::uint32_t bits = cached_site_bits(call); bits != 0) [[likely]]
      return bits;
    const Site site = site_for(raw(address_of(call.return_address)));
    if (site.way_out.bits == 0 || level == kMaximumWrappers || !step_out(call, site.way_out))
      return site.bits;
  }
}

// As insert(), with a short road for small blocks.
[[gnu::always_inline]] inline void insert_again(void* block, std::size_t size,
                                                std::uint32_t site_bits) {
  const std::uint64_t start = raw(address_of(block));
  std::uint64_t leaf = leaf_of(start);
  if (size >= kBigBlock) [[unlikely]] {
    allocated_big(block, size, site_bits);
    return;
  }
  if (leaf == 0) [[unlikely]] {
    leaf = foreign_leaf_for(start, size);
    if (leaf == 0) return insert(block, size, site_bits);
  }
  std::uint32_t code = static_cast<std::uint32_t>(size);
  if (size > kMaximumShortSize) {
    store_relaxed(cell_in(leaf, start)[1], size_cell(size));
    code = kSizeInOneCell;
  }
  store_release(*cell_in(leaf, start), with_half<0>(site_bits + (code << kSizeShift), start));
}

// What the index says of a block that is known to start at `start`.
struct OldBlock {
  Cell* cell = nullptr;  // nullptr: it was never seen
  std::uint64_t size = 0;
};
template <Granularity kG>
[[gnu::always_inline]] inline OldBlock old_block(std::uint64_t word, std::uint64_t start) {
  Cell* const cell = ShadowWriter<kG, LeafMaker<kG>>::existing_cell(word, start);
  const Cell value = load_relaxed(*cell);  // it may be a neighbour's
  if (!is_start(value) || half_of(value) != half_at(kG, start)) return {};
  const std::uint32_t code = size_code_of(value);
  if (code <= kMaximumShortSize) return {cell, code};
  const std::uint64_t high = code == kSizeInTwoCells ? cell[2] & kPayload : 0;
  return {cell, (cell[1] & kPayload) | high << kPayloadBits};
}
[[ALLOCS_EVERY_PROCESS]] [[gnu::noinline]] OldBlock old_foreign_block(std::uint64_t start) {
  const std::uint64_t* const fine = fine_directory();
  if (fine == nullptr) return {};
  if (const std::uint64_t word = word_in(coarse_directory(), start); word != 0) {
    if (const OldBlock old = old_block<kCoarse>(word, start); old.cell != nullptr) return old;
  }
  const std::uint64_t word = word_in(fine, start);
  return word == 0 ? OldBlock{} : old_block<kFine>(word, start);
}
[[gnu::always_inline]] inline OldBlock old_block(std::uint64_t start) {
  if (start >= raw(kEndOfUserAddresses)) [[unlikely]]
    return {};
  const std::uint64_t word = leaf_of(start);
  return word == 0 ? old_foreign_block(start) : old_block<kCoarse>(word, start);
}

// As foreign_writer() does it with a block that has a fine cell, if its region has a fine leaf.
[[gnu::always_inline]] inline bool insert_fine(std::uint64_t at, std::size_t size, Cell start) {
  const std::uint64_t* const fine = fine_directory();
  if (fine == nullptr || size > kMaximumShortSize || at % 8 != 0 || has_coarse_cell(at, size))
    return false;
  const std::uint64_t word = word_in(fine, at);
  if (word == 0) return false;
  if (const std::uint64_t coarse = word_in(coarse_directory(), at); coarse != 0) {
    Cell* const cell = cell_in(coarse, at);
    const Cell value = load_relaxed(*cell);  // it may be a neighbour's
    if (is_start(value) && half_of(value) == half_at(kCoarse, at)) store_release(*cell, Cell{0});
  }
  constexpr Cell kHalf = 1;
  store_release(*ShadowWriter<kFine, LeafMaker<kFine>>::existing_cell(word, at), start & ~kHalf);
  return true;
}
// The first of its region, one of fine cells, or nullptr. To be jumped to.
[[gnu::noinline]] void* allocated_elsewhere(void* block, std::size_t size, Cell start) {
  if (block == nullptr || insert_fine(raw(address_of(block)), size, start)) return block;
  insert(block, size, site_of(start) << kSiteShift);
  return block;
}

// Many threads may do so at once: one of them is heard.
void make_more_flux() {
  void* const pages = map_own_pages(sizeof(index::MoreFlux));
  Address none{};
  if (pages != nullptr && !compare_exchange(g_root.more_flux, none, address_of(pages)))
    unmap_own_pages(pages, sizeof(index::MoreFlux));
}

// `resize()` is the allocator's own reallocation.
template <typename Resize>
[[gnu::always_inline]] inline void* reallocate_with(void* block, std::size_t size,
                                                    std::uint32_t site_bits, Resize resize) {
  const std::uint64_t start = raw(address_of(block));
  const OldBlock old = old_block(start);
  if (old.cell == nullptr) [[unlikely]] {
    void* const made = resize();
    if (made != nullptr) insert_again(made, size, site_bits);
    return made;
  }
  const Cell old_cell = *old.cell;
  const FluxClaim claim(g_root, thread_pointer(), start, start + old.size, &make_more_flux);
  store_release(*old.cell, Cell{0});
  void* const moved = resize();
  if (moved != nullptr) [[likely]] {
    insert_again(moved, size, site_bits);
  } else if (size != 0) {
    store_release(*old.cell, old_cell);  // it failed, and nothing else of the record was touched
  }
  return moved;
}

[[ALLOCS_EVERY_PROCESS]] [[gnu::noinline]] void* reallocate_for(void* block, std::size_t size,
                                                                std::uint32_t site_bits) {
  return reallocate_with(block, size, site_bits, [=] { return g_next.realloc(block, size); });
}

[[ALLOCS_EVERY_PROCESS]] [[gnu::noinline]] void* reallocate_slowly(void* block, std::size_t size,
                                                                   const void* caller) {
  return reallocate_for(block, size, site_bits_for(this_call(caller)));
}

}  // namespace

std::uint64_t pages_with_leaves(std::uint64_t group) {
  return __atomic_load_n(&g_pages_with_leaves[group], __ATOMIC_ACQUIRE);
}

[[ALLOCS_EVERY_PROCESS]] void* allocated(void* block, std::size_t size, Call call) {
  if (block != nullptr) insert(block, size, site_bits_for(call));
  return block;
}

// As insert(), which does it where the block is in fine cells, in several regions, or the first of its region.
[[ALLOCS_EVERY_PROCESS]] void* allocated_big(void* block, std::size_t size,
                                             std::uint32_t site_bits) {
  if (block == nullptr) [[unlikely]]
    return block;
  const std::uint64_t start = raw(address_of(block));
  std::uint64_t leaf = leaf_of(start);
  if (leaf == 0) leaf = foreign_leaf_for(start, size);
  const std::uint64_t end = start + size - least_tail(kCoarse);
  if (leaf == 0 || region_of(end) != region_of(start) || has_pieces()) [[unlikely]] {
    insert(block, size, site_bits);
    return block;
  }
  std::uint64_t last = 0;
  std::uint64_t b = first_boundary(start);
  const auto record = [&] {
    return kBoundary | static_cast<Cell>((b - start) >> kCoarse.unit_shift);
  };
  constexpr std::uint64_t kNear = (std::uint64_t{1} << first_far_level(kCoarse)) - 1;
  for (; b <= end && (b & kNear) != 0; b = next_boundary(b)) {
    store_relaxed(*cell_in(leaf, b), record());
    last = b;
  }
  for (; b <= end; b = next_boundary(b)) {
    store_relaxed(*ShadowWriter<kCoarse, LeafMaker<kCoarse>>::far_record(leaf, b), record());
    last = b;
  }
  if (last != 0 && level_of(last) > load_relaxed(g_root.highest_level)) [[unlikely]]
    raise_level(g_root.highest_level, level_of(last));
  store_relaxed(cell_in(leaf, start)[1], size_cell(size));
  constexpr int kCode = kSizeInOneCell << kSizeShift;
  store_release(*cell_in(leaf, start), with_half<kCode>(site_bits, start));
  return block;
}

void* allocated_short(void* block, Cell start) {
  const std::uint64_t at = raw(address_of(block));
  const std::uint64_t leaf = foreign_leaf_for(at, size_code_of(start));
  if (leaf == 0) [[unlikely]]
    return allocated_elsewhere(block, size_code_of(start), start);
  store_release(*cell_in(leaf, at), start);
  return block;
}

void* allocated_longer(void* block, Cell start, Cell size) {
  const std::uint64_t at = raw(address_of(block));
  const std::uint64_t leaf = foreign_leaf_for(at, kBigBlock);
  if (leaf == 0) [[unlikely]]
    return allocated_elsewhere(block, size & kPayload, start);
  store_relaxed(cell_in(leaf, at)[1], size);
  store_release(*cell_in(leaf, at), start);
  return block;
}

[[gnu::hot]] void freed_without_leaf(void* block) {
  const std::uint64_t start = raw(address_of(block));
  if (start >= raw(kEndOfUserAddresses)) return;
  if (const std::uint64_t leaf = word_in(coarse_directory(), start); leaf != 0) {
    Cell* const cell = cell_in(leaf, start);
    const Cell value = load_relaxed(*cell);
    if (is_start(value) && half_of(value) == half_at(kCoarse, start))
      return store_release(*cell, Cell{0});
  }
  const std::uint64_t* const fine = fine_directory();
  const std::uint64_t word = fine == nullptr ? 0 : word_in(fine, start);
  if (word != 0)
    store_release(*ShadowWriter<kFine, LeafMaker<kFine>>::existing_cell(word, start), Cell{0});
}

[[ALLOCS_EVERY_PROCESS]] void* reallocate(void* block, std::size_t size, const void* caller) {
  const SiteSlot& slot = slot_of(caller);
  if (!holds(slot, caller)) [[unlikely]]
    return reallocate_slowly(block, size, caller);
  return reallocate_for(block, size, site_bits_of(load_acquire(slot.cells)));
}

std::uint64_t reallocate_by(OtherFunction resize, const std::array<std::uint64_t, 4>& arguments,
                            std::size_t size, Call call) {
  void* const old = reinterpret_cast<void*>(arguments[0]);
  return raw(address_of(reallocate_with(old, size, site_bits_for(call), [&] {
    const auto& [block, b, c, d] = arguments;
    return reinterpret_cast<void*>(resize(block, b, c, d));
  })));
}

bool release_block(void* block) {
  const OldBlock old = old_block(raw(address_of(block)));
  if (old.cell == nullptr) return false;
  Cell cell = load_acquire(*old.cell);
  if (!is_start(cell) || !compare_exchange(*old.cell, cell, Cell{0})) return false;
  g_next.free(block);
  return true;
}

std::optional<BlockRecord> record_of_block(const void* block) {
  const OldBlock old = old_block(raw(address_of(block)));
  if (old.cell == nullptr) return std::nullopt;
  const Cell cell = load_acquire(*old.cell);
  if (!is_start(cell)) return std::nullopt;
  return BlockRecord{old.size, site_of(cell)};
}

void put_record(void* block, const BlockRecord& record) {
  insert(block, record.size, record.site << kSiteShift, record.size);
}

void clear_record(void* block) { erase(block); }

std::uint32_t site_for_call(Call call) { return site_bits_for(call) >> kSiteShift; }

bool resize_record(void* block, std::size_t size) {
  const std::uint64_t start = raw(address_of(block));
  const OldBlock old = old_block(start);
  if (old.cell == nullptr) return false;
  Cell cell = load_acquire(*old.cell);
  const FluxClaim claim(g_root, thread_pointer(), start, start + old.size, &make_more_flux);
  if (!is_start(cell) || !compare_exchange(*old.cell, cell, Cell{0})) return false;
  insert(block, size, site_of(cell) << kSiteShift, old.size);
  refresh_held_record(block);
  return true;
}

std::optional<std::uint32_t> site_of_block(const void* block) {
  const OldBlock old = old_block(raw(address_of(block)));
  if (old.cell == nullptr) return std::nullopt;
  const Cell cell = load_acquire(*old.cell);
  return is_start(cell) ? std::optional(site_of(cell)) : std::nullopt;
}

bool replace_site(void* block, std::uint32_t old_site, std::uint32_t site) {
  const OldBlock old = old_block(raw(address_of(block)));
  if (old.cell == nullptr) return false;
  Cell cell = load_acquire(*old.cell);
  if (!is_start(cell) || site_of(cell) != old_site) return false;
  const Cell size_and_half = cell & ((Cell{1} << kSiteShift) - 1);
  if (!compare_exchange(*old.cell, cell, site << kSiteShift | size_and_half)) return false;
  refresh_held_record(block);
  return true;
}

void* make_block(std::size_t size, std::size_t alignment, const void* caller) {
  constexpr std::size_t kUsualAlignment = 16;
  void* const block =
      alignment <= kUsualAlignment ? g_next.malloc(size) : g_next.memalign(alignment, size);
  return allocated(block, size, Call{caller, 0, 0});
}

void* resize_block(void* block, std::size_t size, const void* caller) {
  return reallocate_for(block, size, site_bits_for(Call{caller, 0, 0}));
}

}  // namespace allocs::allocators
