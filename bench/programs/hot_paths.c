// SPDX-License-Identifier: Apache-2.0
// usage: hot_paths KIND TIMES     Does one thing again and again, for a counter of instructions.
#include <allocs.h>
#include <allocs/lifetime.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct item {
  int key;
  double weight[4];
} g_table[16];

typedef void* (*allocator)(size_t);

// A function that calls malloc, `distance` bytes into a mapping; two that lie a multiple of 128 KiB apart share a slot of the site cache.
static allocator made_allocator(char* code, size_t distance) {
  // sub $8, %rsp; movabs $malloc, %rax; call *%rax; add $8, %rsp; ret
  char* const at = code + distance;
  void* (*const called)(size_t) = malloc;
  memcpy(at, "\x48\x83\xec\x08\x48\xb8", 6);
  memcpy(at + 6, &called, 8);
  memcpy(at + 14, "\xff\xd0\x48\x83\xc4\x08\xc3", 7);
  return (allocator)(void*)at;
}

#define KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

__thread struct item t_own;
static struct item* g_item;

// What `kind` asks about; NULL: nothing, it is a pair of hooks.
static const void* address_of_kind(const char* kind) {
  char* const two_kib = malloc(2048);
  char* const mebibyte = malloc(1 << 20);
  const struct {
    const char* kind;
    const void* address;
  } kinds[] = {
      {"base", g_item},
      {"interior", &g_item->weight[1]},
      {"type", &g_item->weight[1]},
      {"query", &g_item->weight[1]},
      {"path_block", &g_item->weight[1]},
      {"2KiB", two_kib + 1500},
      // How many places are looked at depends on the address: take one that is alike wherever the block lies.
      {"1MiB", (const void*)((((uintptr_t)mebibyte + 0x80000) & ~(uintptr_t)0x7FFFF) + 0x2A8C0)},
      {"static", &g_table[3].weight[1]},
      {"path_static", &g_table[3].weight[1]},
      {"function", (const void*)(uintptr_t)&made_allocator},
      {"path_literal", (const char*)"a string literal" + 2},
      {"path_tls", &t_own.weight[1]},
      {"mapping", (char*)mmap(NULL, 1 << 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 5000},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].kind, kind) == 0) return kinds[i].address;
  }
  return NULL;
}

// One loop for each, so that a round is the call and nothing else.
#define REPEAT(what) \
  for (long i = 0; i < times; i++) what

// Asks about a variable of the frame that many calls above.
static __attribute__((noinline)) void ask_from_below(int depth, const void* asked, long times) {
  struct alloc_info info;
  if (depth > 0) {
    ask_from_below(depth - 1, asked, times);
  } else {
    alloc_query(asked, 0, &info);
    REPEAT(alloc_query(asked, 0, &info));
  }
  __asm__ volatile("");  // no tail call
}
static __attribute__((noinline)) void ask_about_a_local(long times) {
  volatile struct item local = {.key = 1};
  ask_from_below(7, (const void*)&local.weight[1], times);
  KEEP(local.key);
}

// 10^6 blocks, and questions about any of them, one after another: what is looked at is seldom in a cache.
static void ask_about_any_block(long times) {
  enum { kBlocks = 1000000, kAsked = 1 << 17 };
  static char* blocks[kBlocks];
  static const void* asked[kAsked];
  uint64_t random = 88172645463325252u;
  for (long i = 0; i < kBlocks; i++) blocks[i] = malloc(16 + i % 7 * 16);
  for (int i = 0; i < kAsked; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    asked[i] = blocks[random % kBlocks] + 8;
  }
  REPEAT(KEEP(alloc_get_base(asked[i % kAsked])));
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const kind = argv[1];
  const long times = atol(argv[2]);
  struct item* const item = g_item = malloc(sizeof *item);
  const void* const asked = address_of_kind(kind);
  void* moving = malloc(200);
  struct alloc_info info;
  alloc_get_type(asked);
  if (strcmp(kind, "pair16") == 0) {
    REPEAT({
      void* block = malloc(16);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "pair24") == 0) {
    REPEAT({
      void* block = malloc(24);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "pair100") == 0) {
    REPEAT({
      void* block = malloc(100);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "pair4096") == 0) {
    REPEAT({
      void* block = malloc(4096);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "calloc24") == 0) {
    REPEAT({
      void* block = calloc(1, 24);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "second24") == 0) {
    char* const code =
        mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const allocator first = made_allocator(code, 0);
    const allocator second = made_allocator(code, 1 << 17);
    // Until the cache does not grow any more, and the slot is the first one's.
    for (int i = 0; i < 2000; i++) {
      free(first(24));
      free(second(24));
    }
    REPEAT({
      void* block = second(24);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "realloc") == 0) {
    REPEAT({
      moving = realloc(moving, 180 + (size_t)(i & 1) * 8);
      KEEP(moving);
    });
  } else if (strcmp(kind, "beside_held") == 0) {
    alloc_hold(moving, alloc_counted_holder());
    REPEAT({
      void* block = malloc(24);
      KEEP(block);
      free(block);
    });
  } else if (strcmp(kind, "hold") == 0) {
    struct alloc_holder* const holder = alloc_counted_holder();
    alloc_hold(item, holder);
    REPEAT({
      alloc_hold(item, holder);
      alloc_let_go(item, holder);
    });
  } else if (strcmp(kind, "random") == 0) {
    ask_about_any_block(times);
  } else if (strcmp(kind, "local") == 0) {
    ask_about_a_local(times);
  } else if (asked == NULL) {
    return 2;
  } else if (strcmp(kind, "query") == 0) {
    REPEAT(alloc_query(asked, ALLOC_NOWAIT, &info));
  } else if (strcmp(kind, "function") == 0 || strcmp(kind, "mapping") == 0) {
    REPEAT(alloc_query(asked, 0, &info));
  } else if (strcmp(kind, "type") == 0) {
    REPEAT(KEEP(alloc_get_type(asked)));
  } else if (strncmp(kind, "path_", 5) == 0) {
    char text[128];
    REPEAT(alloc_format_path(asked, 0, text, sizeof text));
  } else {
    REPEAT(KEEP(alloc_get_base(asked)));
  }
  return 0;
}
