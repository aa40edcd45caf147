// SPDX-License-Identifier: Apache-2.0
// Preloaded before liballocs_preload.so: what is known of the types of heap blocks, by site. Each block counts when it is freed or resized, or else at
// the end; and what is live counts by itself, whenever the heap has grown by a twentieth since it last did, so that the last such count is of the
// heap at its largest, to a twentieth.
//
// At the end each line that is appended to the file $HEAP_TYPES is one site with one answer: module, address within it, grade, evidence, type ("-": none), blocks,
// bytes, live blocks, live bytes; tabs between them.
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tests/real/each_end.h"

struct answer {
  const void* site;
  struct uniqtype* type;
  unsigned evidence, grade;
  unsigned long blocks, bytes, live_blocks, live_bytes;
};

enum { kAnswers = 1 << 16 };
static struct answer answers[kAnswers];
static unsigned long lost;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int is_busy;
static int is_over;
static size_t largest;

static struct answer* answer_for(const struct alloc_info* block) {
  const unsigned long hash =
      ((unsigned long)block->site * 31 + (unsigned long)block->type) * 0x9E3779B97F4A7C15u >> 40;
  for (unsigned long i = 0; i < kAnswers; ++i) {
    struct answer* at = &answers[(hash + i) % kAnswers];
    if (at->blocks + at->live_blocks == 0 && at->site == NULL && at->type == NULL) {
      *at =
          (struct answer){block->site, block->type, block->evidence, block->type_grade, 0, 0, 0, 0};
      return at;
    }
    if (at->site == block->site && at->type == block->type && at->grade == block->type_grade)
      return at;
  }
  return NULL;
}

static void count_gone(const struct alloc_info* block) {
  struct answer* answer = answer_for(block);
  if (answer == NULL) {
    ++lost;
    return;
  }
  ++answer->blocks;
  answer->bytes += block->size;
}

static int count_live(const struct alloc_info* block, void* context) {
  struct answer* answer = answer_for(block);
  (void)context;
  if (answer == NULL) {
    ++lost;
    return 0;
  }
  ++answer->live_blocks;
  answer->live_bytes += block->size;
  return 0;
}

static void count_heap_if_largest(void) {
  const struct mallinfo2 heap = mallinfo2();
  const size_t now = heap.uordblks + heap.hblkhd;
  if (now <= largest + largest / 20) return;
  largest = now;
  for (int i = 0; i < kAnswers; ++i) answers[i].live_blocks = answers[i].live_bytes = 0;
  alloc_walk_blocks(0, count_live, NULL);
}

static void count(const void* block) {
  static unsigned calls;
  struct alloc_info info;
  if (block == NULL || is_over || is_busy) return;
  is_busy = 1;
  pthread_mutex_lock(&lock);
  if (++calls % 64 == 0 || malloc_usable_size((void*)block) > largest / 20) count_heap_if_largest();
  if (alloc_query(block, 0, &info) == ALLOC_OK &&
      info.allocator == &__default_lib_malloc_allocator && info.base == block)
    count_gone(&info);
  pthread_mutex_unlock(&lock);
  is_busy = 0;
}

static int count_end(const struct alloc_info* block, void* context) {
  (void)context;
  count_gone(block);
  return 0;
}

__attribute__((destructor)) static void report(void) {
  is_busy = 1;
  pthread_mutex_lock(&lock);
  is_over = 1;
  pthread_mutex_unlock(&lock);
  if (!is_to_be_counted()) return;
  count_heap_if_largest();
  alloc_walk_blocks(0, count_end, NULL);
  const char* name = getenv("HEAP_TYPES");
  FILE* file = name == NULL ? NULL : fopen(name, "ae");
  if (file == NULL) return;
  for (int i = 0; i < kAnswers; ++i) {
    const struct answer* at = &answers[i];
    if (at->blocks + at->live_blocks == 0) continue;
    Dl_info module = {0};
    struct link_map* map = NULL;
    if (at->site == NULL || !dladdr1(at->site, &module, (void**)&map, RTLD_DL_LINKMAP)) map = NULL;
    fprintf(file, "%s\t%lx\t%u\t%x\t%s\t%lu\t%lu\t%lu\t%lu\n",
            map == NULL              ? "?"
            : map->l_name[0] == '\0' ? "program"
                                     : map->l_name,
            map == NULL ? 0 : (unsigned long)at->site - map->l_addr, at->grade, at->evidence,
            at->type == NULL ? "-" : UNIQTYPE_NAME(at->type), at->blocks, at->bytes,
            at->live_blocks, at->live_bytes);
  }
  if (lost > 0) fprintf(file, "lost\t0\t0\t0\t-\t%lu\t0\t0\t0\n", lost);
  fclose(file);
}
