// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/state.h"

#include "base/every_process.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/index/records.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

ALLOCS_LARGE constinit HotTables g_hot{};
constinit bool g_indexes_nothing = false;
constinit index::Root g_root{};
constinit Sandbox g_sandbox = Sandbox::none;

extern "C" __attribute__((visibility("default"), alias("_ZN6allocs10allocators6g_rootE")))
index::Root __allocs_root;

[[ALLOCS_EVERY_PROCESS]] void open_root() {
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
