// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/malloc_memory.h"

#include "elf/elf.h"
#include "runt/self.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"
#include "runtime/preload/memory_words.h"

namespace allocs::preload {

namespace {

using query::Allocator;

// struct malloc_state, struct heap_info.
constexpr std::uint64_t kWord = 8, kPair = 16, kLists = 127;
constexpr std::uint64_t kTopInArena = 96, kListsInArena = 112;
constexpr std::uint64_t kBehindLists = kListsInArena + kLists * kPair;
constexpr std::uint64_t kNextInArena = kBehindLists + 16, kSizeInArena = kBehindLists + 40;
constexpr std::uint64_t kArenaSize = kBehindLists + 56;
constexpr std::uint64_t kHeapAlignment = 64u << 20;
constexpr int kMostArenas = 4096;

struct HeapInfo {
  std::uint64_t arena, before, size, accessible;
  bool is_sound() const {
    return size <= kHeapAlignment && size % 4096 == 0 && before % kHeapAlignment == 0;
  }
};
constexpr Address heap_around(Address at) { return Address{raw(at) & ~(kHeapAlignment - 1)}; }

std::uint64_t word_at(Address at) {
  std::uint64_t word = 0;
  return runt::self::read_memory(at, &word, sizeof word) ? word : 0;
}

// The last of at least `kLists / 4` pairs that point to themselves, none further than a table from the first.
Address last_empty_list(AddressRange range) {
  constexpr std::uint64_t kLeast = kLists / 4;
  Address first{}, last{};
  std::uint64_t before = 0, count = 0;
  for_each_word(range, [&](Address at, std::uint64_t word) {
    const bool is_second = word == before && word == raw(at) - kWord - kPair;
    before = word;
    if (!is_second) return true;
    const Address pair = at - kWord;
    if (count != 0 && pair - first >= kLists * kPair) {
      if (count >= kLeast) return false;
      count = 0;
    }
    if (count++ == 0) first = pair;
    last = pair;
    return true;
  });
  return count >= kLeast ? last : Address{};
}

}  // namespace

MallocMemory::MallocMemory(const self::SelfProcess& process) {
  const index::Root& root = *process.root();
  const auto definer = index::module_at(
      process.tables(), root, address_of(reinterpret_cast<const void*>(allocators::g_next.malloc)));
  if (!definer) return;
  object_of_malloc_ = {definer->begin, definer->end};
  const bool is_whole = root.malloc_kind == index::MallocKind::libc &&
                        root.counters.blocks_without_leaf == 0 &&
                        root.counters.blocks_misaligned == 0;
  if (!is_whole || !find_first_arena(*definer)) return;
  if (!read_other_arenas()) {
    first_arena_ = Address{};
    heap_count_ = 0;
  }
}

bool MallocMemory::find_first_arena(const index::ModuleRecord& libc) {
  const auto* headers = reinterpret_cast<const elf::ProgramHeader*>(raw(libc.phdrs));
  for (std::uint32_t i = 0; i < libc.phdr_count && first_arena_ == Address{}; ++i) {
    if (headers[i].p_type != PT_LOAD || (headers[i].p_flags & PF_W) == 0) continue;
    const Address begin{libc.bias + headers[i].p_vaddr};
    const Address last = last_empty_list({begin, begin + headers[i].p_memsz});
    if (last != Address{}) first_arena_ = last - (kLists - 1) * kPair - kListsInArena;
  }
  if (first_arena_ == Address{}) return false;
  first_arena_size_ = word_at(first_arena_ + kSizeInArena);
  return true;
}

bool MallocMemory::read_other_arenas() {
  Address arena = first_arena_;
  for (int i = 0; i < kMostArenas; ++i) {
    arena = Address{word_at(arena + kNextInArena)};
    if (arena == first_arena_) return true;
    if (arena == Address{} || !read_heaps(arena)) return false;
  }
  return false;
}

// From the heap in which the top chunk is back to the one in which the arena is.
bool MallocMemory::read_heaps(Address arena) {
  HeapInfo heap;
  Address at = heap_around(Address{word_at(arena + kTopInArena)});
  while (at != Address{}) {
    if (!runt::self::read_memory(at, &heap, sizeof heap) || heap.arena != raw(arena)) return false;
    if (!heap.is_sound() || heap_count_ == kMostHeaps) return false;
    arenas_[heap_count_] = arena;
    heaps_[heap_count_++] = {at, at + heap.size};
    at = Address{heap.before};
  }
  return true;
}

// A block may be larger than was asked for, and a program may use that.
bool MallocMemory::is_in_block(const self::SelfProcess& process, Address at) const {
  constexpr std::uint64_t kMostSurplus = 64;
  for (std::uint64_t back = 1; back <= kMostSurplus; back += kWord) {
    const auto block = index::find_block(process.tables(), *process.root(), at - back);
    if (!block) continue;
    if (block->state != index::BlockState::known) return true;
    auto* const start = reinterpret_cast<void*>(raw(block->base));
    return at - block->base < allocators::g_next.malloc_usable_size(start);
  }
  return false;
}

AddressRange MallocMemory::segment_of(Address at, const query::Answer& holder) const {
  if (first_arena_ == Address{} || holder.error != ALLOC_OK) return {};
  if (holder.allocator == Allocator::brk)
    return holder.range.size() == first_arena_size_ ? holder.range : AddressRange{};
  for (std::size_t i = 0; i < heap_count_; ++i)
    if (heaps_[i].contains(at)) return heaps_[i];
  return {};
}

bool MallocMemory::has_heap_in(AddressRange range) const {
  for (std::size_t i = 0; i < heap_count_; ++i) {
    if (heaps_[i].begin < range.end && range.begin < heaps_[i].begin + kHeapAlignment) return true;
  }
  return false;
}

bool MallocMemory::has_other_mappings() const {
  // The flags are the second half of the arena's first word.
  constexpr std::uint64_t kNotContiguous = std::uint64_t{2} << 32;
  return first_arena_ != Address{} && (word_at(first_arena_) & kNotContiguous) != 0;
}

// An arena lies behind the struct of its first heap.
bool is_in_malloc_heap(AddressRange range) {
  constexpr std::uint64_t kMostHeapInfo = 64;
  for (Address at = heap_around(range.begin); at < range.end; at = at + kHeapAlignment) {
    HeapInfo heap;
    if (!runt::self::read_memory(at, &heap, sizeof heap)) continue;
    const Address arena{heap.arena};
    const std::uint64_t place = arena - heap_around(arena);
    if (place == 0 || place > kMostHeapInfo || heap.size == 0 || !heap.is_sound()) continue;
    if (heap_around(Address{word_at(arena + kTopInArena)}) != Address{}) return true;
  }
  return false;
}

// Chunks begin behind the heap's own struct, which is as long as it is from the first heap of the arena to the arena, and behind that.
Address MallocMemory::first_chunk_in(AddressRange segment) const {
  constexpr std::uint64_t kAlignment = 16, kMostHeapInfo = 64;
  const auto aligned = [](Address at) {
    return Address{(raw(at) + kAlignment - 1) & ~(kAlignment - 1)};
  };
  for (std::size_t i = 0; i < heap_count_; ++i) {
    if (heaps_[i] != segment) continue;
    const std::uint64_t heap_info = raw(arenas_[i]) % kHeapAlignment;
    if (heap_info > kMostHeapInfo) return Address{};
    return aligned(segment.contains(arenas_[i]) ? arenas_[i] + kArenaSize
                                                : segment.begin + heap_info);
  }
  return raw(segment.begin) % kAlignment == 0 ? segment.begin : Address{};
}

bool MallocMemory::is_in_books(Address at) const {
  constexpr std::uint64_t kHeapInfo = 32;
  if (first_arena_ == Address{}) return false;
  if (at >= first_arena_ && at < first_arena_ + kArenaSize) return true;
  for (std::size_t i = 0; i < heap_count_; ++i) {
    if (at >= heaps_[i].begin && at < heaps_[i].begin + kHeapInfo) return true;
    if (at >= arenas_[i] && at < arenas_[i] + kArenaSize) return true;
  }
  return false;
}

bool MallocMemory::is_its_own(const self::SelfProcess& process, Address at,
                              const query::Answer& holder) const {
  if (first_arena_ == Address{}) return false;
  if (at >= first_arena_ && at < first_arena_ + kArenaSize) return true;
  if (holder.error != ALLOC_OK) return false;
  if (holder.allocator == Allocator::brk)
    return holder.range.size() == first_arena_size_ && !is_in_block(process, at);
  if (holder.allocator != Allocator::mmap || holder.type != nullptr) return false;
  for (std::size_t i = 0; i < heap_count_; ++i) {
    if (heaps_[i].contains(at)) return !is_in_block(process, at);
  }
  return false;
}

}  // namespace allocs::preload
