// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/allocators/base_level.h"
#include "runtime/allocators/held_table.h"
#include "runtime/index/held_starts.h"

// Blocks that others hold beside who may free them: <allocs/lifetime.h>.
//
// Nothing of this is on the roads of malloc and free until a program holds a block for the first time. Then the pointers by which the hooks call the allocator underneath are
// exchanged, for free and realloc and what other names and operators do the same: to functions that look at one bit (index/held_starts.h), and call on unless it is set. The hook has
// cleared the block's start cell by then, so what stays is put there again; readers that find it empty look at the bit too.
namespace allocs::allocators {

inline constexpr int kExplicit = 2;  // ALLOC_HOLDS_UNTIL_FREED
extern ALLOCS_OWN Holder g_explicit_holder, g_counted_holder, g_reachability_holder;

// Lists a copy of it. nullptr: there is no memory. Context: query.
Holder* add_holder(const Holder& holder);
bool is_holder(const Holder* holder);
// The first of them, built in or not. Context: signal.
const Holder* first_holder();

// Context of all: query. `block` is where a block starts that the index has. Errors are of enum alloc_error.
// `is_pool(block)` is asked with the lock: a block becomes a pool only under that.
using IsPool = bool (*)(const void* block);
int hold_block(void* block, Holder& holder, IsPool is_pool);
int let_go_of_block(void* block, Holder& holder);

// May it be freed, as far as its holders go? Not if that has been done before. Context: query.
bool is_freed_block(void* block);
// Has anybody held it beside the explicit holder, and does anybody now? (Yes, too, if the table cannot be had in a short time.) Context: signal.
bool is_held_block(const void* block);
bool is_held_by_others(const void* block);

// Its record in the index was changed. Context: query.
void refresh_held_record(void* block);

// ---- what the exchanged functions do; Context: hook ----

extern ALLOCS_OWN std::uint64_t* g_held_directory;
[[gnu::always_inline]] inline bool may_be_held(const void* block) {
  return index::is_held_start(g_held_directory, raw(address_of(block)));
}
// free of a block of which may_be_held() is true: does it stay, or has it gone already? False: the caller is to free it.
bool keeps_freed_block(void* block);
// realloc of such a block; `resize(arguments)` is the allocator's. `may_stay`: one that others hold may get its new size where it is.
using ResizeCall = std::uint64_t (*)(void* arguments);
void* reallocate_held(void* block, std::size_t size, ResizeCall resize, void* arguments,
                      bool may_stay = true);

// Exchanges the pointers: those of the family, of operators, of other names. Once, under the holders' lock.
void watch_frees();
void watch_operator_deletes();
void watch_other_frees();
// The allocator's own, whatever the pointers of the family are now.
void free_really(void* block);
struct PlainResize {
  void* block;
  std::size_t size;
};
std::uint64_t resize_really(void* arguments);  // of PlainResize

// Where the program has called a hook, for blocks that stay where they are in realloc. Set before the first block is held.
using FindCall = Call (*)();
void find_calls_by(FindCall find);

// ---- mistakes ----

using ReportExcess = void (*)(void* context, void* block);
void report_excess_by(ReportExcess report, void* context);
std::uint64_t count_excess_frees();
const void* excess_context();

// ---- for who looks at all of them, with the lock ----

const HeldTable& held_blocks();
// These, a list by `next`, go: they are marked so already, and in no other list. The lock is given up.
void let_blocks_go(HeldBlock* first, HolderLock& lock);

}  // namespace allocs::allocators
