// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/state.h"

#include "base/every_process.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/index/doubling.h"
#include "runtime/index/records.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

ALLOCS_LAST constinit HotTables g_hot{};
constinit std::uint64_t g_site_slot_mask = site_slot_mask(kSiteSlotsInUse[0]);
constinit bool g_indexes_nothing = false;
ALLOCS_BEHIND_OTHERS constinit index::Root g_root{};
constinit Sandbox g_sandbox = Sandbox::none;

extern "C" __attribute__((visibility("default"), alias("_ZN6allocs10allocators6g_rootE")))
index::Root __allocs_root;

namespace {

[[ALLOCS_ONCE]] void open_first_chunk(Address& chunk, std::size_t size) {
  Address none{};
  void* const made = index::load_acquire(chunk) == none ? allocate_own(size, 64) : nullptr;
  if (made != nullptr) index::compare_exchange(chunk, none, address_of(made));
}

}  // namespace

[[ALLOCS_ONCE]] void open_root() {
  using namespace index;
  open_first_chunk(g_root.site_segments[0],
                   chunk_capacity<kSiteFirstShift>(0) * sizeof(SiteRecord));
  open_first_chunk(g_root.module_chunks[0],
                   chunk_capacity<kModuleFirstShift>(0) * sizeof(ModuleRecord));
  // Nothing was allocated before: HotTables::first_block.
  std::uint32_t none = 0;
  index::compare_exchange(g_root.site_count, none, index::kFirstSite - 1);
  g_root.magic = index::kRootMagic;
  g_root.version = index::kRootVersion;
  g_root.size = sizeof(index::Root);
  g_root.self = address_of(&g_root);
  Address unset{};  // a foreign allocator has another directory
  index::compare_exchange(g_root.directory, unset, address_of(g_hot.directory.data()));
}

// The note by which a reader of another process or of a core file finds the root. (The assembler computes the distance; no
// relocation is left.)
asm(R"(
  .pushsection .note.allocs, "a", @note
  .balign 4
  .long 10
  .long 8
  .long 1
  .asciz "liballocs"
  .balign 4
0:.quad _ZN6allocs10allocators6g_rootE - 0b
  .popsection
)");
static_assert(sizeof(kNoteOwner) == 10 && sizeof(index::NoteDescriptor) == 8 && kRootNote == 1);

}  // namespace allocs::allocators
