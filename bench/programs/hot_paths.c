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

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const kind = argv[1];
  struct item* const item = malloc(sizeof *item);
  char* const long_block = malloc(2048);
  char* const big_block = malloc(1 << 20);
  // How many places are looked at depends on the address: take one that is alike wherever the block lies.
  const void* const in_big_block =
      (const void*)((((uintptr_t)big_block + 0x80000) & ~(uintptr_t)0x7FFFF) + 0x2A8C0);
  const int is_static = strcmp(kind, "static") == 0 || strcmp(kind, "path_static") == 0;
  const void* const asked = is_static                   ? (const void*)&g_table[3].weight[1]
                            : strcmp(kind, "2KiB") == 0 ? (const void*)(long_block + 1500)
                            : strcmp(kind, "1MiB") == 0 ? in_big_block
                            : strcmp(kind, "base") == 0 ? (const void*)item
                                                        : (const void*)&item->weight[1];
  void* moving = malloc(200);
  struct alloc_info info;
  alloc_get_type(asked);
  const long times = atol(argv[2]);
  // One loop for each, so that a round is the call and nothing else.
#define REPEAT(what) \
  for (long i = 0; i < times; i++) what
  if (strcmp(kind, "pair24") == 0) {
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
    free(first(24));
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
  } else if (strcmp(kind, "query") == 0) {
    REPEAT(alloc_query(asked, ALLOC_NOWAIT, &info));
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
