// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/address.h"

// The records of the site, module, thread and own-range tables.
namespace allocs::index {

// ---- sites: id 0 is never given out; 1 and 2 mean that the site of a block is not known ----

inline constexpr std::uint32_t kSiteTableFull = 1;
inline constexpr std::uint32_t kSiteUnattributed =
    2;  // the table was being written, by the very thread that asked
inline constexpr std::uint32_t kFirstSite = 3;
inline constexpr unsigned kSiteFirstShift = 6;

enum SiteFlag : std::uint32_t {
  kSiteRetired = 1,    // its module was unloaded; the return address means nothing any more
  kSiteDuplicate = 2,  // lost a race; never given out
  kSiteTyped =
      8,  // stands for the same place as another, for blocks whose type the program itself has stated
  kSiteWrapper =
      4,  // in an allocation wrapper: blocks have the site of its caller, unless that cannot be told
  kSitePiece =
      16,  // stands for the same place as another, for what one declared sub-allocator hands out there
};

// Of a site of pieces: the sub-allocator's number, above the flags.
inline constexpr unsigned kFamilyShift = 8;

// Where a block was allocated. Written once, before its id is published; only `flags` and the links change later, and the return address
// if the module comes back elsewhere.
struct SiteRecord {
  Address return_address{};  // where the module is, or was last
  std::uint64_t offset =
      0;  // link address: return address minus the module's load bias; the bare address if instance is 0
  std::uint32_t instance = 0;  // module instance; 0: code that belongs to no module
  std::uint32_t flags = 0;
  std::uint32_t next_in_bucket = 0;
  std::uint32_t next_in_module = 0;
};
static_assert(sizeof(SiteRecord) == 32);

// ---- modules: an instance is one loaded object; ids start at 1 ----

inline constexpr unsigned kModuleFirstShift = 3;
inline constexpr std::size_t kMaximumBuildId = 32;

enum class ModuleState : std::uint32_t {
  empty = 0,
  loaded,
  closing,  // its finalisers ran: still there, or already gone
  retired,  // unloaded
};

// `state` is written last. The other fields of an instance do not change, except those that are 0 until a full refresh filled
// them (marked "late"), and those that say where it is while it is retired: it may come back elsewhere.
struct ModuleRecord {
  std::uint32_t instance = 0;
  ModuleState state = ModuleState::empty;
  std::uint64_t generation = 0;  // of the table when the state was last set
  std::uint64_t bias = 0;
  Address begin{};  // of the first loadable segment, page aligned
  Address end{};
  Address
      path{};  // NUL-terminated copy of our own, "" for the executable, of which the kernel knows it
  Address
      phdrs{};  // copy of our own of PT_LOAD, PT_GNU_RELRO and, of the executable, PT_NOTE: elf::Phdr[phdr_count]
  std::uint32_t phdr_count = 0;
  std::uint32_t build_id_size = 0;  // 0: it has none
  std::array<std::uint8_t, kMaximumBuildId> build_id{};
  Address eh_frame_hdr{};
  std::uint64_t eh_frame_hdr_size = 0;
  Address dynamic{};
  Address link_map{};            // late: of struct link_map
  std::uint64_t tls_module = 0;  // late: 0 if it has no thread-local storage
  std::uint64_t tls_size = 0;
  std::uint64_t tls_align = 0;
  std::uint32_t first_site = 0;  // head of the chain through SiteRecord::next_in_module
  std::uint32_t is_executable = 0;
  // The rest is the writing half's own.
  Address next_new{};      // noted since the snapshot was written
  std::uint32_t pass = 0;  // number of the last walk that saw it
  std::uint32_t closing_unloads =
      0;                         // while closing: how many unloads there had been when that began
  std::uint32_t has_marker = 0;  // it has the note kMarkerNote
  std::uint32_t stays = 0;       // it came with the program, so it is not unloaded
  Address known_wrappers{};      // allocators/wrappers.cc
  Address site_image{};          // self/wrapper_sites.cc
};
static_assert(sizeof(ModuleRecord) == 200);

// The loaded and closing modules, sorted by `begin`. Replaced as a whole; see module_table.h.
struct ModuleSpan {
  Address begin{};
  Address end{};
  std::uint32_t instance = 0;
  std::uint32_t unused = 0;
};
struct ModuleSnapshot {
  std::uint64_t generation = 0;  // odd while it is being written
  std::uint32_t count = 0;
  std::uint32_t capacity = 0;
  // ModuleSpan[capacity] follows
};
static_assert(sizeof(ModuleSpan) == 24 && sizeof(ModuleSnapshot) == 16);

// ---- threads ----

inline constexpr unsigned kThreadFirstShift = 2;

enum class ThreadState : std::uint32_t {
  empty = 0,
  claimed,   // being filled
  starting,  // created; did not run yet
  running,   // or gone without notice: ask the kernel
  exited,
};

struct ThreadRecord {
  ThreadState state = ThreadState::empty;
  std::uint32_t tid = 0;
  std::uint64_t thread_pointer = 0;  // %fs:0
  Address stack_low{};               // of the thread's stack; 0 if not known
  Address stack_high{};
  Address first_stack_pointer{};  // as seen in its first hook; before, how large a stack is planned
  std::uint64_t generation =
      0;                    // the later one wins when two records claim one thread pointer or id
  Address start_routine{};  // what pthread_create was given
  Address argument{};
};
static_assert(sizeof(ThreadRecord) == 64);

// ---- the run time's own memory ----

inline constexpr unsigned kOwnRangeFirstShift = 3;

struct OwnRange {
  Address begin{};
  std::uint64_t size = 0;  // 0: not in use
};
static_assert(sizeof(OwnRange) == 16);

}  // namespace allocs::index
