// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/allocators/heap_events.h"

// What the base level does to blocks of malloc, beyond what a program's own calls do: by the address at which a block starts.
//
// A block's record belongs to the block's owner. Two callers that free or retype one block at once are a mistake of the program, but here
// only one of them can take the record, by compare-and-swap; the other is told that nothing is there.
namespace allocs::allocators {

// Frees the block. False: it is not in the index (any more). Context: query.
bool release_block(void* block);

// Gives the block's record another size; the allocator is not asked, so it must have room. False: as above. Context: query.
bool resize_record(void* block, std::size_t size);

// The site of the block: its id, or nothing. Context: signal.
std::optional<std::uint32_t> site_of_block(const void* block);
// Gives the block another site, if it still has `old`. Context: query.
bool replace_site(void* block, std::uint32_t old, std::uint32_t site);

// What the index keeps of a block, so that it can be put there again. Absent: there is no such block. Context: signal.
struct BlockRecord {
  std::uint64_t size = 0;
  std::uint32_t site = 0;
};
std::optional<BlockRecord> record_of_block(const void* block);
// For a block that the caller may call its own. Context: hook.
void put_record(void* block, const BlockRecord& record);
void clear_record(void* block);
// The site for a call, outside of wrappers. Context: hook.
std::uint32_t site_for_call(Call call);

// A site that stands for the same place as `original`, for blocks whose type the program has stated; 0 when there is no room.
// Readers in other processes see the flag kSiteTyped. Context: query.
std::uint32_t add_typed_site(std::uint32_t original);

// A new block, as from malloc called by `caller`; aligned so, if that is more than malloc aligns any block. Context: query.
void* make_block(std::size_t size, std::size_t alignment, const void* caller);
// The whole of realloc called by `caller`. Context: query.
void* resize_block(void* block, std::size_t size, const void* caller);

}  // namespace allocs::allocators
