// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/allocators/state.h"

// Memory of the run time's own, straight from the kernel; never from the host's malloc. Every piece is listed in the root,
// so that a question about it is answered "liballocs' own".
namespace allocs::allocators {

// Says that these pages are to be small ones whatever the machine's setting: tables are touched here and there, and a huge page for
// each touch would cost 2 MB and the time to clear it. Before the first touch. Context: hook.
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;
void refuse_huge_pages(void* pages, std::size_t size);

// Zeroed pages, unreserved, dumpable; nullptr when there are none. `size` is rounded up to pages.
// Context: hook.
void* map_own_pages(std::size_t size);

// How often the kernel has refused memory of one kind, which is asked for again with every block. Zeroed; one for each kind.
struct Refusals {
  std::uint32_t in_a_row = 0;
  std::uint32_t to_skip = 0;  // requests that are refused without asking
};
// As map_own_pages. After refusals it asks ever more rarely, at least once in some 4000 requests: where memory is limited, a program would
// make a system call for each block. Context: hook.
void* map_own_pages(std::size_t size, Refusals& refusals);

// Gives back what map_own_pages returned, when it turned out not to be needed. Context: hook.
void unmap_own_pages(void* pages, std::size_t size);

// Zeroed bytes that are never given back; nullptr when there are none. For records and names, not for tables of the size of
// the heap. Context: hook.
void* allocate_own(std::size_t size, std::size_t alignment = 16);

// Zeroed room for one chunk of a table: small ones side by side, large ones on pages of their own. `give_back_chunk` is for who
// lost the race to publish it. Context: hook.
void* allocate_chunk(std::size_t size);
void give_back_chunk(void* chunk, std::size_t size);

// A word that the kernel zeroes in forked children (MADV_WIPEONFORK): 1 once opened, 0 in a child. Beside it, in the same page,
// is what else must not survive a fork.
struct ForkPage {
  std::uint64_t token;
  std::uint64_t table_lock;            // thread pointer of the holder
  std::uint64_t loader_lock_is_sound;  // never 1 again in a child
  std::uint64_t holder_lock;           // thread pointer of the holder: held_table.h
  Address going;                       // of a struct Going: held_blocks.cc
};
extern ALLOCS_OWN ForkPage& g_fork_page;

// In place of ForkPage::table_lock until the page is opened, which in most processes it never is: it would be one more to touch.
inline constexpr std::uint64_t kTableLockMoved = 1;  // into the page, for ever
extern ALLOCS_OWN std::uint64_t g_first_table_lock;

// May dl_iterate_phdr be called? A forked child has inherited the loader's lock as it was: held for ever, if another thread held it; and
// a stopped thread may hold it.
// Context: signal.
bool may_lock_loader();

// Has a thread stopped all others (self/stopped_threads.h)? Then what they may hold is not waited for. Context: signal.
bool others_are_stopped();
void set_others_stopped(bool are_stopped);

// Asks the kernel for it: before the process has a second thread, or a thread that asks. In a child, it was a parent's. Context: signal.
void open_fork_page(bool is_child = false);

}  // namespace allocs::allocators
