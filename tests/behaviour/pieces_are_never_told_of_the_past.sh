#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Threads carve pieces of all sizes out of pools, take them back in any order, free their pools with pieces in them and make new ones at the same
# place, in which others carve in other ways. Each remembers what is alive: an address in a live piece is in that, one in none is in the pool; only
# where an arena has forgotten all its pieces without a word may the answer be that it cannot be told.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
enum { kPool = 1 << 15, kMost = 256, kRounds = 60, kSteps = 150, kUnit = 8 };
struct pool {
  char *memory;
  unsigned char used[kPool / kUnit]; /* which units are handed out */
  struct { char *base; size_t size; } live[kMost];
  int count;
};
static int wrong, untold, asked;
/* First fit, so that pieces of all sizes follow each other at one address. */
void *pool_get(struct pool *pool, size_t size) {
  size_t units = (size + kUnit - 1) / kUnit, run = 0;
  for (size_t i = 0; i < kPool / kUnit; ++i) {
    run = pool->used[i] ? 0 : run + 1;
    if (run < units) continue;
    memset(pool->used + i + 1 - units, 1, units);
    return pool->memory + (i + 1 - units) * kUnit;
  }
  return NULL;
}
void pool_put(struct pool *pool, size_t size, void *piece) {
  memset(pool->used + ((char *)piece - pool->memory) / kUnit, 0, (size + kUnit - 1) / kUnit);
}
static void bad(const char *what, const char *at, const struct alloc_info *info) {
  if (__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED) < 10)
    printf("%s: %p is %s %p %zu (%d)\n", what, (void *)at, info->allocator == NULL ? "none" : info->allocator->name, info->base, info->size, info->error);
}
static void check(struct pool *pool, unsigned *random, int forgets) {
  size_t at = rand_r(random) % kPool;
  const char *address = pool->memory + at, *base = NULL;
  size_t size = 0;
  for (int i = 0; i < pool->count; ++i)
    if (address >= pool->live[i].base && address < pool->live[i].base + pool->live[i].size) base = pool->live[i].base, size = pool->live[i].size;
  struct alloc_info info;
  __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
  if (alloc_query(address, rand_r(random) % 2 ? ALLOC_NOWAIT : 0, &info) == ALLOC_E_CONFLICT && forgets) {
    __atomic_add_fetch(&untold, 1, __ATOMIC_RELAXED);
    return;
  }
  int is_piece = info.allocator != NULL && strcmp(info.allocator->name, "pool_get") == 0;
  if (base != NULL && (!is_piece || info.base != base || info.size != size)) bad("live", address, &info);
  if (base == NULL && is_piece && !forgets) bad("free", address, &info);
}
static size_t some_size(unsigned *random) {
  size_t size = 1 + rand_r(random) % 100;
  return rand_r(random) % 8 == 0 ? size * 37 : size;
}
static void *run(void *number) {
  unsigned random = 1 + (unsigned)(intptr_t)number;
  int forgets = (intptr_t)number % 2, maps = (intptr_t)number % 4 >= 2;
  struct pool *pool = calloc(1, sizeof *pool);
  for (int round = 0; round < kRounds; ++round) {
    if (!forgets || round % 4 == 0)
      pool->memory = maps ? mmap(NULL, kPool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : malloc(kPool);
    memset(pool->used, 0, sizeof pool->used);
    pool->count = 0;
    for (int step = 0; step < kSteps; ++step) {
      if (pool->count == kMost || (pool->count > 0 && rand_r(&random) % 3 == 0)) {
        int one = rand_r(&random) % pool->count;
        pool_put(pool, pool->live[one].size, pool->live[one].base);
        pool->live[one] = pool->live[--pool->count];
      } else {
        size_t size = some_size(&random);
        char *piece = pool_get(pool, size);
        if (piece != NULL) pool->live[pool->count].base = piece, pool->live[pool->count++].size = size;
      }
      check(pool, &random, forgets);
      check(pool, &random, forgets);
    }
    if (!forgets || round % 4 == 3) { maps ? (void)munmap(pool->memory, kPool) : free(pool->memory); }
  }
  free(pool);
  return NULL;
}
int main(void) {
  pthread_t threads[4];
  for (intptr_t i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, run, (void *)i);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("wrong %d, untold are few: %d\n", wrong, untold * 4 < asked);
  fprintf(stderr, "%d asked, %d untold\n", asked, untold);
  return 0;
}
END
export XDG_CACHE_HOME="$PWD/cache" LIBALLOCS_SUBALLOC_FNS="pool_get(pZ)p" LIBALLOCS_SUBFREE_FNS="pool_put(pzP)->pool_get"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  case $compiler in
    *clang*) [ -e "$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so" ] || continue ;;
    *) [ -e "$ALLOCS_PREFIX/lib/allocs/gcc-$(gcc -dumpversion)/allocs.so" ] || continue ;;
  esac
  ALLOCSCC_CC="$compiler" allocscc -O2 -pthread -I"$ALLOCS_PREFIX/include" -o a a.c || fail "$compiler"
  preload ./a > out
  expect out << 'END'
wrong 0, untold are few: 1
END
done
