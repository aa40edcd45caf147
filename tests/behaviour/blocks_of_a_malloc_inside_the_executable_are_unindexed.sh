#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An executable with a malloc of its own, linked statically (a library's archive, or a function in the program): it runs unharmed, whatever it does
# in threads; its blocks are "unindexed" and perhaps by its malloc, not "nothing" and never another's; everything else is answered.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static long global;
static void *work(void *unused) {
  char *kept[64] = {0};
  for (unsigned i = 0, x = 1; i < 20000; ++i) {
    x = x * 1664525 + 1013904223;
    free(kept[x >> 26]);
    kept[x >> 26] = malloc(x >> 8 & 4095);
  }
  for (int i = 0; i < 64; ++i) free(kept[i]);
  return unused;
}
static int count(const struct alloc_info *block, void *blocks) { return ++*(int *)blocks, block == NULL; }
static const char *name(const void *at) {
  struct alloc_info info;
  int error = alloc_query(at, 0, &info);
  if (error == 0) return info.allocator->name;
  if (error != ALLOC_E_UNINDEXED || info.base != NULL || info.size != 0) return alloc_error_message(error);
  char described[200];
  alloc_describe_wait(at, described, sizeof described);
  if (strstr(described, "cannot tell: allocated where the index does not see, perhaps by __program_malloc") == NULL) return "not described";
  return info.allocator == alloc_get_allocator(at) ? info.allocator->name : "not the same";
}
int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  char *small = malloc(100), *large = malloc(3000000), *text = strdup("text"), *grown = realloc(malloc(10), 5000);
  int local;
  printf("%s; %s; %s; %s\n", name(small + 50), name(large + 100000), name(text), name(grown + 4000));
  printf("%s; %s; %s\n", name(&global), name(&local), name((void *)main));
  int blocks = 0;
  printf("%s\n", alloc_error_message(alloc_walk_blocks(0, count, &blocks)));
  free(small), free(large), free(text), free(grown);
}
END
cat > own.c << 'END'
// A malloc that gives memory from mmap, with the size in front.
#define _GNU_SOURCE
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
void *malloc(size_t n) {
  size_t *p = mmap(NULL, n + 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  p[0] = n;
  return p + 2;
}
void free(void *p) { if (p) munmap((char *)p - 16, ((size_t *)p)[-2] + 16); }
void *calloc(size_t a, size_t b) { return malloc(a * b); }
void *realloc(void *p, size_t n) {
  void *q = malloc(n);
  if (p && q) memcpy(q, p, ((size_t *)p)[-2] < n ? ((size_t *)p)[-2] : n), free(p);
  return q;
}
END
$CC -g -O1 -c own.c
for archive in own.o $(ls /usr/lib/*/libjemalloc.a /usr/lib/*/libtcmalloc_minimal.a /usr/lib/*/libmimalloc.a 2> /dev/null); do
  build a.c -O1 -fno-builtin -pthread "$archive" -lm -ldl -lstdc++
  preload ./a > out || fail "exit status $? with $archive"
  expect out << 'END'
__program_malloc; __program_malloc; __program_malloc; __program_malloc
static; stackframe; static
allocated where the index does not see
END
done
