// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/mapping_owner.h"

#include <sys/syscall.h>

#include <cstring>

#include "allocs.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runt/page_map.h"
#include "runt/self.h"
#include "runtime/preload/malloc_memory.h"
#include "runtime/preload/memory_words.h"

namespace allocs::preload {

namespace {

constexpr std::uint64_t kPage = 4096;

// glibc's own memory-mapped files are read-only and private, and lie in directories of these names.
bool is_file_of_c_library(const runt::Mapping& mapping) {
  if (mapping.is_shared || mapping.is_writable) return false;
  return std::strstr(mapping.name, "/locale/") != nullptr ||
         std::strstr(mapping.name, "/gconv/") != nullptr;
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

// Does a thread's control block lie there? It begins with its own address, which is there once more behind the table of its thread-locals.
bool holds_thread(AddressRange range) {
  constexpr std::uint64_t kAlignment = 16, kAgain = 16;
  bool is_found = false;
  runt::PageMap pages;
  pages.open();
  pages.for_each_written_run(range, [&](AddressRange run) {
    Address block{};
    for_each_word(run, [&](Address at, std::uint64_t word) {
      if (block != Address{} && at == block + kAgain) is_found = word == raw(block);
      if (word == raw(at) && word % kAlignment == 0) block = at;
      return !is_found;
    });
    return !is_found;
  });
  return is_found;
}

bool is_anonymous(const runt::Mapping& mapping) { return mapping.inode == 0 && !mapping.is_shared; }

// Of memory that nobody may look into: is it the guard of a stack?
bool is_guard(const runt::Mapping& mapping) {
  if (mapping.is_readable || mapping.is_writable || mapping.is_executable) return false;
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
    raw_syscall(SYS_sched_yield);
  }
  return ALLOC_E_NO_IDENTITY;
}

}  // namespace

int refusal_of_mapping(const runt::Mapping& mapping) {
  if (!is_anonymous(mapping)) return is_file_of_c_library(mapping) ? ALLOC_E_OF_RUN_TIME : ALLOC_OK;
  const bool is_of_c_library =
      begins_with(mapping.name, "[anon: glibc") || is_in_malloc_heap(mapping.range) ||
      begins_with_mapped_block(mapping.range) || holds_thread(mapping.range) || is_guard(mapping);
  return is_of_c_library ? ALLOC_E_OF_RUN_TIME : ask_arenas(mapping.range);
}

}  // namespace allocs::preload
