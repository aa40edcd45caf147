// SPDX-License-Identifier: Apache-2.0
// Preloaded before liballocs_preload.so: asks about each heap block when it is freed, and about those that are left at the end of
// the program, and appends one line to the file $TYPED_SHARE: blocks, typed blocks, bytes, typed bytes, then the
// same four of what was left. A site that liballocs was not told about (a library without
// debug information, say) counts as untyped.
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "each_end.h"

struct share {
  atomic_ulong blocks, typed_blocks, bytes, typed_bytes;
};
static struct share all, left;
static atomic_int is_over;

static void add(struct share* to, const struct alloc_info* block) {
  const int typed = block->type != NULL;
  atomic_fetch_add(&to->blocks, 1);
  atomic_fetch_add(&to->bytes, block->size);
  if (typed) {
    atomic_fetch_add(&to->typed_blocks, 1);
    atomic_fetch_add(&to->typed_bytes, block->size);
  }
}

static void count(const void* block) {
  static __thread int is_counting;
  struct alloc_info info;
  if (block == NULL || is_over || is_counting) return;
  is_counting = 1;
  if (alloc_query(block, 0, &info) == ALLOC_OK &&
      info.allocator == &__default_lib_malloc_allocator && info.base == block)
    add(&all, &info);
  is_counting = 0;
}

// A mapping may be an arena of malloc, or a block, or a thread's stack, or memory of liballocs: the latter two are left out as wholes.
static void count_left(char* from, char* end) {
  struct alloc_info info;
  while (from < end) {
    const int error = alloc_query(from, ALLOC_NOWAIT, &info);
    if (error == ALLOC_E_OTHER_THREAD) return;
    const int is_block = error == ALLOC_OK && info.allocator == &__default_lib_malloc_allocator;
    if (is_block && alloc_query(from, 0, &info) == ALLOC_OK) {
      add(&left, &info);
      add(&all, &info);
    }
    const char* next = error == ALLOC_OK ? (const char*)info.base + info.size : from;
    from = next > from + 16 ? from + ((next - from + 15) & ~15L) : from + 16;
  }
}

__attribute__((destructor)) static void report(void) {
  is_over = 1;
  if (!is_to_be_counted()) return;
  const char* file = getenv("TYPED_SHARE");
  char line[512];
  FILE* maps = fopen("/proc/self/maps", "re");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, end;
    char mode[5], name[256] = "";
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &from, &end, mode, name) >= 3 &&
        mode[0] == 'r' && mode[1] == 'w' && (name[0] == '\0' || strcmp(name, "[heap]") == 0))
      count_left((char*)from, (char*)end);
  }
  const int fd = file == NULL ? -1 : open(file, O_WRONLY | O_APPEND | O_CREAT, 0666);
  dprintf(fd, "%lu %lu %lu %lu %lu %lu %lu %lu\n", all.blocks, all.typed_blocks, all.bytes,
          all.typed_bytes, left.blocks, left.typed_blocks, left.bytes, left.typed_bytes);
}
