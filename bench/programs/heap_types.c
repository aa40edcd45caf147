// SPDX-License-Identifier: Apache-2.0
// Preloaded before liballocs_preload.so: what is known of the types of heap blocks, by site. Each block counts when it is freed or resized, or else at
// the end; and what is live counts by itself, whenever the heap has grown by a twentieth since it last did, so that the last such count is of the
// heap at its largest, to a twentieth.
//
// At the end each line that is appended to the file $HEAP_TYPES is one site with one answer: module, address within it, grade, evidence, type ("-": none), blocks,
// bytes, live blocks, live bytes; tabs between them. Each line that is appended to $HEAP_TYPES.objects is about blocks of the heap at its largest whose first word is an address
// in the program or a library that it was started with, as it is of objects with virtual functions: module and address of the site, grade, evidence, type, module and address of
// that word, blocks, bytes.
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

// Blocks of one site and type with one first word.
struct object {
  const void *site, *first_word;
  struct uniqtype* type;
  unsigned evidence, grade;
  unsigned long blocks, bytes;
};

enum { kObjects = 1 << 14, kRanges = 256 };
static struct object objects[kObjects];
static struct { unsigned long begin, end; } ranges[kRanges];
static int range_count;

static int add_ranges(struct dl_phdr_info* module, size_t size, void* context) {
  (void)size, (void)context;
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr)* const segment = &module->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) != 0 || range_count == kRanges)
      continue;
    ranges[range_count].begin = module->dlpi_addr + segment->p_vaddr;
    ranges[range_count++].end = module->dlpi_addr + segment->p_vaddr + segment->p_memsz;
  }
  return 0;
}

__attribute__((constructor)) static void find_ranges(void) { dl_iterate_phdr(add_ranges, NULL); }

static int is_in_module(unsigned long address) {
  for (int i = 0; i < range_count; ++i) {
    if (address - ranges[i].begin < ranges[i].end - ranges[i].begin) return 1;
  }
  return 0;
}

static void count_object(const struct alloc_info* block) {
  unsigned long word;
  if (block->size < sizeof word) return;
  memcpy(&word, block->base, sizeof word);
  if (!is_in_module(word)) return;
  const unsigned long hash =
      (word * 31 + (unsigned long)block->site * 7 + (unsigned long)block->type) *
          0x9E3779B97F4A7C15u >>
      40;
  for (unsigned long i = 0; i < kObjects; ++i) {
    struct object* const at = &objects[(hash + i) % kObjects];
    if (at->blocks == 0) {
      *at = (struct object){.site = block->site,
                            .first_word = (const void*)word,
                            .type = block->type,
                            .evidence = block->evidence,
                            .grade = block->type_grade};
    } else if (at->site != block->site || at->type != block->type ||
               at->first_word != (const void*)word) {
      continue;
    }
    ++at->blocks;
    at->bytes += block->size;
    return;
  }
}

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
  count_object(block);
  return 0;
}

static void count_heap_if_largest(void) {
  const struct mallinfo2 heap = mallinfo2();
  const size_t now = heap.uordblks + heap.hblkhd;
  if (now <= largest + largest / 20) return;
  largest = now;
  for (int i = 0; i < kAnswers; ++i) answers[i].live_blocks = answers[i].live_bytes = 0;
  memset(objects, 0, sizeof objects);
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

struct place {
  const char* module;
  unsigned long address;
};

// Where `address` is: "?" if that is in no module.
static struct place place_of(const void* address) {
  Dl_info module = {0};
  struct link_map* map = NULL;
  if (address == NULL || !dladdr1(address, &module, (void**)&map, RTLD_DL_LINKMAP) || map == NULL)
    return (struct place){"?", 0};
  return (struct place){map->l_name[0] == '\0' ? "program" : map->l_name,
                        (unsigned long)address - map->l_addr};
}

static const char* name_of(struct uniqtype* type) {
  return type == NULL ? "-" : UNIQTYPE_NAME(type);
}

static void report_objects(const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s.objects", name);
  FILE* const file = fopen(path, "ae");
  if (file == NULL) return;
  for (int i = 0; i < kObjects; ++i) {
    const struct object* at = &objects[i];
    if (at->blocks == 0) continue;
    const struct place site = place_of(at->site), word = place_of(at->first_word);
    fprintf(file, "%s\t%lx\t%u\t%x\t%s\t%s\t%lx\t%lu\t%lu\n", site.module, site.address, at->grade,
            at->evidence, name_of(at->type), word.module, word.address, at->blocks, at->bytes);
  }
  fclose(file);
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
    const struct place site = place_of(at->site);
    fprintf(file, "%s\t%lx\t%u\t%x\t%s\t%lu\t%lu\t%lu\t%lu\n", site.module, site.address, at->grade,
            at->evidence, name_of(at->type), at->blocks, at->bytes, at->live_blocks,
            at->live_bytes);
  }
  if (lost > 0) fprintf(file, "lost\t0\t0\t0\t-\t%lu\t0\t0\t0\n", lost);
  fclose(file);
  report_objects(name);
}
