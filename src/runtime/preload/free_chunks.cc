// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/free_chunks.h"

#include <algorithm>

#include "runt/self.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/index/find_block.h"
#include "runtime/index/walk_blocks.h"
#include "runtime/preload/own_array.h"

namespace allocs::preload {

namespace {

using query::Allocator;

// struct malloc_state, struct malloc_chunk; the user's part of a chunk begins behind its size.
constexpr std::uint64_t kWord = 8, kHeader = 16, kAlignment = 16, kLeastChunk = 32;
constexpr std::uint64_t kSmallListsInArena = 16, kSmallLists = 10, kTopInArena = 96;
constexpr std::uint64_t kPreviousInUse = 1, kIsMapped = 2, kFlags = 7;

// Addresses of chunks in the arenas' lists of small ones, sorted.
constinit OwnArray<Address> g_small_chunks;

std::uint64_t word_at(Address at) {
  std::uint64_t word = 0;
  return runt::self::read_memory(at, &word, sizeof word) ? word : 0;
}

// Since glibc 2.32 links are mixed with where they are.
Address follow_link(Address at) {
  const std::uint64_t link = word_at(at);
  const std::uint64_t unmixed = link ^ raw(at) >> 12;
  const bool is_plain = link % kAlignment == 0 && link != 0 && unmixed % kAlignment != 0;
  return Address{is_plain ? link : unmixed};
}

bool is_sound(std::uint64_t size, Address chunk, AddressRange segment) {
  return size >= kLeastChunk && size % kAlignment == 0 && size <= segment.end - chunk;
}

// What the second words of two chunks of that size are when they have been freed, if it is the same.
std::uint64_t key_in_chunks_of(std::size_t size) {
  constexpr std::uint64_t kNone = 0x5a5a5a5a5a5a5a5a;
  std::uint64_t keys[2] = {};
  std::uint64_t* chunks[2] = {};
  for (auto& chunk : chunks) {
    chunk = static_cast<std::uint64_t*>(allocators::g_next.malloc(size));
    if (chunk != nullptr) chunk[0] = chunk[1] = chunk[2] = kNone;
  }
  for (auto& chunk : chunks) allocators::g_next.free(chunk);
  for (int i = 0; i < 2; ++i)
    keys[i] = chunks[i] == nullptr ? 0 : word_at(address_of(chunks[i] + 1));
  const bool is_key = keys[0] == keys[1] && keys[0] != kNone;
  return is_key ? keys[0] : 0;
}

}  // namespace

std::uint64_t key_of_free_chunks() {
  // A list of the thread's may be full, or be filled when one is taken: of several sizes one list is not.
  constexpr std::size_t kSizes[] = {24, 1000, 500, 200};
  if (allocators::g_root.malloc_kind != index::MallocKind::libc) return 0;
  for (const std::size_t size : kSizes)
    if (const std::uint64_t key = key_in_chunks_of(size); key != 0) return key;
  return 0;
}

FreeChunks::FreeChunks(const self::SelfProcess& process, std::uint64_t key)
    : process_(process), malloc_(process), key_(key) {
  list_small_chunks();
}

void FreeChunks::list_small_chunks() {
  g_small_chunks.clear();
  malloc_.for_each_arena([&](Address arena) {
    for (std::uint64_t list = 0; list < kSmallLists; ++list) {
      Address chunk{word_at(arena + kSmallListsInArena + list * kWord)};
      const std::uint64_t size = (list + 2) * kAlignment;
      while (chunk != Address{} && raw(chunk) % kAlignment == 0) {
        if ((word_at(chunk + kWord) & ~kFlags) != size || !g_small_chunks.add(chunk)) break;
        chunk = follow_link(chunk + kHeader);
      }
    }
  });
  std::sort(g_small_chunks.all().begin(), g_small_chunks.all().end());
}

bool FreeChunks::is_free_chunk(Address chunk, std::uint64_t size, AddressRange segment) const {
  const auto block = index::find_block(process_.tables(), *process_.root(), chunk + kHeader);
  if (block) return false;
  bool is_top = false;
  malloc_.for_each_arena(
      [&](Address arena) { is_top |= word_at(arena + kTopInArena) == raw(chunk); });
  if (is_top) return true;
  const Address next = chunk + size;
  if (next + kHeader > segment.end) return false;
  const std::uint64_t next_size = word_at(next + kWord);
  if (!is_sound(next_size & ~kFlags, next, segment)) return false;
  if ((next_size & kPreviousInUse) == 0) return true;
  if (key_ != 0 && word_at(chunk + kHeader + kWord) == key_) {
    const std::uint64_t link = raw(follow_link(chunk + kHeader));
    return link % kAlignment == 0;
  }
  const auto small = g_small_chunks.all();
  return std::binary_search(small.begin(), small.end(), chunk);
}

// Where the last block begins that is indexed between the two, both included; Address{}: none.
Address FreeChunks::last_block_in(Address begin, Address last) const {
  constexpr std::uint64_t kNear = 4096, kFurther = 16;
  if (begin > last) return Address{};
  for (std::uint64_t distance = kNear;; distance *= kFurther) {
    const bool is_all = last - begin <= distance;
    const Address low = is_all ? begin : last - distance;
    Address found{};
    for (std::uint64_t region = index::region_of(raw(low)); region <= index::region_of(raw(last));
         ++region) {
      index::ShadowReader<index::kCoarse, TrustedMemory>(process_.tables(),
                                                         process_.root()->directory, 0)
          .for_each_block_in(
              region,
              [&](const index::Block& block) {
                if (block.base > last) return false;
                if (block.base >= low) found = block.base;
                return true;
              },
              low, last);
    }
    if (found != Address{} || is_all) return found;
  }
}

// To a chunk from which the walk leads to that of `at`: that of the block before it; or where it was, if no block begins in between, which is where it would come by; or the first
// one of the segment.
void FreeChunks::go_near(Address at, AddressRange segment) {
  const bool is_behind = place_.chunk == Address{} || place_.chunk + kHeader <= at;
  const bool goes_on = place_.segment == segment && place_.without_blocks <= at && is_behind;
  const Address block = last_block_in(goes_on ? place_.without_blocks : segment.begin, at);
  if (block != Address{}) {
    place_ = {.segment = segment, .chunk = block - kHeader};
  } else if (!goes_on) {
    place_ = {.segment = segment, .chunk = malloc_.first_chunk_in(segment)};
  }
  place_.without_blocks = at + 1;
}

bool FreeChunks::is_in_same(Address at) {
  if (place_.size == 0 || !place_.is_free || at < place_.without_blocks ||
      at >= place_.chunk + place_.size + kWord)
    return false;
  if (last_block_in(place_.without_blocks, at) != Address{}) return false;
  place_.without_blocks = at + 1;
  return true;
}

bool FreeChunks::contains(Address at, const query::Answer& holder) {
  if (malloc_.is_in_books(at)) return true;
  const AddressRange segment = malloc_.segment_of(at, holder);
  if (segment.size() == 0) return false;
  go_near(at, segment);
  if (place_.chunk == Address{}) return false;
  // The last word of a chunk's user is the first of the next chunk.
  while (place_.chunk + kHeader <= segment.end) {
    const Address chunk = place_.chunk;
    if (at < chunk + kHeader) return at >= chunk + kWord;
    const bool is_new = place_.size == 0;
    if (is_new) {
      const std::uint64_t head = word_at(chunk + kWord), size = head & ~kFlags;
      if ((head & kIsMapped) != 0 || !is_sound(size, chunk, segment)) return false;
      place_.size = size;
    }
    if (at < chunk + place_.size + kWord) {
      if (is_new) place_.is_free = is_free_chunk(chunk, place_.size, segment);
      return place_.is_free;
    }
    place_.chunk = chunk + place_.size;
    place_.size = 0;
  }
  return false;
}

}  // namespace allocs::preload
