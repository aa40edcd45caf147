#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With nearly as many mappings as the kernel allows (60 000 of 65 530): each is answered with its own bounds, blocks and
# locals too, and when there is no mapping to be had at all malloc fails as it does alone.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
enum { kMappings = 60000, kPage = 4096 };
static long wrong;
static void expect(const void *at, const char *name, const void *base, size_t size) {
  struct alloc_info info;
  if (alloc_query(at, 0, &info) == 0 && strcmp(info.allocator->name, name) == 0 && (base == NULL || (info.base == base && info.size == size))) return;
  if (++wrong < 10) printf("%p: %s %p %zu error %d\n", at, info.allocator ? info.allocator->name : "-", info.base, info.size, info.error);
}
int main(void) {
  char *all = mmap(NULL, (size_t)kMappings * 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int made = 0;
  for (; made < kMappings / 2; ++made)  // each one cuts a hole's two borders
    if (mprotect(all + (size_t)made * 2 * kPage, kPage, PROT_READ | PROT_WRITE) != 0) break;
  char *block = malloc(1000);
  int local;
  for (int i = 0; i < made; i += 7) {
    expect(all + (size_t)i * 2 * kPage + 99, "mmap", all + (size_t)i * 2 * kPage, kPage);
    expect(block + 500, "__default_lib_malloc", block, 1000), expect(&local, "stackframe", NULL, 0);
  }
  // Use up what is left: then blocks in new regions cannot be had, or not be indexed. Neither is a fault, nor a lie.
  for (int i = made; i < 3 * kMappings; ++i)
    if (mprotect(all + (size_t)i % (2 * kMappings) * 2 * kPage, kPage, PROT_READ) != 0) break;
  for (int i = 0; i < 2000; ++i) {
    char *more = malloc(i % 2 ? 200000 : 3000);
    struct alloc_info info;
    if (more == NULL) continue;
    memset(more, 1, 3000);
    const int error = alloc_query(more + 10, 0, &info);
    if (error == 0 ? info.base != more : error != ALLOC_E_UNINDEXED) ++wrong;
  }
  printf("%d mappings, %ld wrong\n", 2 * made, wrong);
}
END
build a.c -O1
ALLOCS_META=never preload ./a > out || fail "exit status $?"
expect out << 'END'
60000 mappings, 0 wrong
END
