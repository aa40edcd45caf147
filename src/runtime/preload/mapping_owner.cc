// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/mapping_owner.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "allocs.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runt/page_map.h"
#include "runt/self.h"
#include "runtime/allocators/base_level.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/malloc_memory.h"

namespace allocs::preload {

namespace {

constexpr std::uint64_t kPage = 4096;

// glibc's own memory-mapped files are read-only and private, and lie in directories of these names.
bool is_file_of_c_library(const runt::Mapping& mapping) {
  if (mapping.is_shared || mapping.is_writable) return false;
  const std::string_view name = mapping.name;
  return name.find("/locale/") != name.npos || name.find("/gconv/") != name.npos;
}

// A block of malloc that is a mapping: nothing before it, its size in whole pages, and the bit that says so.
bool begins_with_mapped_block(AddressRange range) {
  constexpr std::uint64_t kFlags = 7, kIsMapped = 2;
  struct {
    std::uint64_t before, size;
  } header;
  if (!runt::self::read_memory(range.begin, &header, sizeof header)) return false;
  const std::uint64_t size = header.size & ~kFlags;
  return header.before == 0 && (header.size & kFlags) == kIsMapped && size != 0 &&
         size % kPage == 0 && size <= range.size();
}

// A thread's control block begins with its own address, which is there once more behind the table of its thread-locals.
bool is_thread(Address at) {
  std::uint64_t words[3];
  return runt::self::read_memory(at, words, sizeof words) && words[0] == raw(at) &&
         words[2] == raw(at);
}

// Does one lie there? All that was written to is read: nothing cheaper tells of every stack. Its control block is at the same place of a page in all stacks that the C library maps, but which one that is
// is known only while such a thread lives, and in a stack that the program gives to a thread it is another. The kernel knows no stacks (from Linux 6.7 on by a flag, which madvise changes as well). That
// a mapping has a guard below it says nothing: a program may have put one there, or none. The C library's own lists of its stacks have no symbol, and are at another place in each version.
bool holds_thread(AddressRange range) {
  constexpr std::size_t kChunk = 4 * kPage, kStep = 16 / sizeof(std::uint64_t);
  std::uint64_t words[kChunk / sizeof(std::uint64_t)];
  bool is_found = false;
  runt::PageMap pages;
  pages.open();
  pages.for_each_written_run(range, [&](AddressRange run) {
    for (Address at = run.begin; at < run.end;) {
      std::size_t size = std::min<std::uint64_t>(run.end - at, kChunk);
      bool can_be_read = runt::self::read_memory(at, words, size);
      if (!can_be_read && size > kPage)
        can_be_read = runt::self::read_memory(at, words, size = kPage);
      for (std::size_t i = 0; can_be_read && i < size / sizeof *words; i += kStep) {
        const Address here = at + i * sizeof *words;
        if (words[i] == raw(here) && is_thread(here)) return !(is_found = true);
      }
      at = at + size;
    }
    return true;
  });
  return is_found;
}

bool is_anonymous(const runt::Mapping& mapping) { return mapping.inode == 0 && !mapping.is_shared; }

// Is memory that nobody may look into the guard of a stack?
bool is_guard(const runt::Mapping& mapping) {
  const runt::MappingAnswer above = runt::self::mapping_of(mapping.range.end);
  return above.certainty == Certainty::known && is_anonymous(above.mapping) &&
         holds_thread(above.mapping.range);
}

// What the arenas say. They change while others allocate, and do not agree with each other for a moment then.
int ask_arenas(AddressRange range) {
  constexpr int kMostAttempts = 20;
  const auto here = runt::current_registers();
  const self::SelfProcess process(self::SelfProcess::Mode::wait, here);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const MallocMemory malloc(process);
    if (malloc.has_heap_in(range)) return ALLOC_E_OF_RUN_TIME;
    if (malloc.is_known()) return malloc.has_other_mappings() ? ALLOC_E_NO_IDENTITY : ALLOC_OK;
    // There is no arena before the first call.
    if (attempt == 0 && !allocators::others_are_stopped()) {
      void* const block = allocators::make_block(1, 1, place_in_program());
      if (block != nullptr) allocators::release_block(block);
    }
    raw_syscall(SYS_sched_yield);
  }
  return ALLOC_E_NO_IDENTITY;
}

}  // namespace

int refusal_of_mapping(const runt::Mapping& mapping) {
  if (!is_anonymous(mapping)) return is_file_of_c_library(mapping) ? ALLOC_E_OF_RUN_TIME : ALLOC_OK;
  const bool is_of_c_library =
      begins_with(mapping.name, "[anon: glibc") || is_in_malloc_heap(mapping.range) ||
      begins_with_mapped_block(mapping.range) ||
      (mapping.is_readable ? holds_thread(mapping.range) : is_guard(mapping));
  return is_of_c_library ? ALLOC_E_OF_RUN_TIME : ask_arenas(mapping.range);
}

}  // namespace allocs::preload
