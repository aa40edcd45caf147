// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/note_types.h"

// The one struct by which a reader, inside or outside, finds everything that the run time knows. It is exported as
// `__allocs_root`; an ELF note (base/note_types.h: kRootNote) holds the distance from the note's
// descriptor to it. Addresses are of the process that owns it. All zero until the first hook ran: then every look-up
// answers "nothing".
//
// Writers: see each table. Readers take a `const Root&`: the living one in-process, a copy of it elsewhere.
namespace allocs::index {

inline constexpr std::array<char, 8> kRootMagic{'A', 'L', 'L', 'O', 'C', 'R', 'T', '\0'};
inline constexpr std::uint32_t kRootVersion =
    7;  // bump when anything that a reader follows changes

inline constexpr unsigned kRegionShift = 26;  // address space is indexed in regions of 64 MiB
inline constexpr std::uint64_t kRegionCount = std::uint64_t{1} << (47 - kRegionShift);
inline constexpr std::uint64_t kRegionsInPage = 4096 / sizeof(std::uint64_t);  // of a directory

inline constexpr unsigned kSiteSegments =
    19;  // segment s holds 2^(6 + s) records: 2^25 - 64 in all
inline constexpr unsigned kModuleChunks = 16;    // chunk c holds 2^(3 + c) records
inline constexpr unsigned kThreadChunks = 16;    // chunk c holds 2^(2 + c) records
inline constexpr unsigned kOwnRangeChunks = 16;  // chunk c holds 2^(3 + c) ranges
inline constexpr unsigned kFluxSlots = 64;

// Which malloc is underneath.
enum class MallocKind : std::uint32_t {
  unresolved = 0,  // no hook ran yet
  libc,            // glibc's: coarse cells
  foreign,         // another object's: coarse and fine cells
  bypassed,  // an object before us defines malloc, or there is no memory for the directories over a foreign
             // one: its blocks are not indexed
};

// One block that is inside realloc: see flux_table.h.
struct alignas(64) FluxSlot {
  std::uint64_t owner = 0;     // thread pointer of the claimer; 0: free
  std::uint64_t sequence = 0;  // counts changes
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t unused[4] = {};
};

// Further slots, for when more threads than kFluxSlots are inside realloc.
inline constexpr unsigned kMoreFluxSlots = 8192;
struct MoreFlux {
  std::array<std::uint64_t, kMoreFluxSlots / 64>
      used{};  // one bit for each slot that was ever claimed
  std::array<FluxSlot, kMoreFluxSlots> slots{};
};

// Things that should not happen, and how often they did.
struct Counters {
  std::uint64_t blocks_without_leaf =
      0;  // not indexed, or in part: no memory for their part of the shadow
  std::uint64_t blocks_misaligned = 0;  // not indexed: a foreign allocator returned an odd address
  std::uint64_t sites_full = 0;
  std::uint64_t sites_unattributed = 0;  // calls answered with kSiteUnattributed
  std::uint64_t modules_full = 0;
  std::uint64_t threads_full = 0;
  std::uint64_t own_memory_failed = 0;
  std::uint64_t flux_overflowed = 0;
};

struct Root {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t size = 0;  // of this struct
  Address self{};          // its own address

  MallocKind malloc_kind = MallocKind::unresolved;
  std::uint32_t highest_level = 0;  // of any boundary record ever written
  Address malloc_owner_path{};      // NUL-terminated path of the object whose malloc is used, or 0

  Address directory{};  // u64[kRegionCount], coarse: see heap_shadow.h
  Address
      fine_directory{};  // the same for fine cells: see foreign_shadow.h; 0 unless there is a foreign allocator

  std::uint32_t site_count = 0;  // highest id that was given out
  std::uint32_t module_count = 0;
  std::uint32_t thread_count = 0;
  std::uint32_t own_range_count = 0;
  std::array<Address, kSiteSegments> site_segments{};
  std::array<Address, kModuleChunks> module_chunks{};
  std::array<Address, kThreadChunks> thread_chunks{};
  std::array<Address, kOwnRangeChunks> own_range_chunks{};

  Address module_snapshot{};            // ModuleSnapshot: the loaded ones, by address
  std::uint64_t module_generation = 0;  // grows with every change that was seen
  std::uint64_t modules_changed =
      0;  // grows when a change is known to be coming: an object runs its finalisers

  Address initial_stack{};  // of argc; argv, environment and auxiliary vector follow
  Address
      process_token{};  // u64: 1 in the process that wrote the thread table, 0 in its forked children; or 0: see
                        // thread_table_is_current()
  std::uint64_t main_thread_pointer = 0;

  std::uint64_t flux_used = 0;      // one bit for each slot that was ever claimed
  std::uint64_t flux_homeless = 0;  // blocks in flux that found no slot
  std::array<FluxSlot, kFluxSlots> flux{};

  Counters counters{};

  // Pieces of blocks and mappings, of declared sub-allocators: see piece_shadow.h. 0 until there is one.
  Address piece_directory{};  // u64[kRegionCount], fine
  Address piece_pages{};      // u64[kRegionCount]
  std::uint32_t highest_piece_level = 0;
  std::uint32_t pieces_unindexed = 0;  // since they are not aligned, or there was no memory

  // Blocks that have holders: see held_starts.h. 0 until there is one.
  Address held_directory{};      // u64[kRegionCount], of the addresses of leaves
  std::uint64_t held_reach = 0;  // bytes: as long as the longest of them

  Address more_flux{};  // MoreFlux. 0 until it was needed
};
static_assert(sizeof(FluxSlot) == 64);
static_assert(offsetof(Root, self) == 16);
static_assert(offsetof(Root, directory) == 40);
static_assert(offsetof(Root, site_segments) == 72);
static_assert(offsetof(Root, module_snapshot) == 608);
static_assert(sizeof(Root) % 64 == 0);

// `Root` as a position-independent root of another process is found: the note's descriptor is this struct, and the root
// lies at its own address plus `distance`.
struct NoteDescriptor {
  std::int64_t distance;
};

}  // namespace allocs::index
