#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks of 8 GiB and more, grown and shrunk by realloc, answer at their borders and inside; untouched they cost no memory.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
static long resident(void) {
  long size, pages;
  FILE *file = fopen("/proc/self/statm", "r");
  if (fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
  fclose(file);
  return pages / 256;
}
static int wrong;
static void is(const char *at, const char *base, size_t size) {
  for (unsigned flags = 0; flags < 2; ++flags) {
    struct alloc_info info;
    if (alloc_query(at, flags, &info) != 0 || info.base != base || info.size != size) ++wrong;
  }
  wrong += alloc_get_base(at) != base || alloc_get_size(at) != size;
}
static void check(const char *p, size_t size) {
  is(p, p, size), is(p + size - 1, p, size);
  for (size_t i = 1; i < size; i = i * 3 + 7) is(p + i, p, size), is(p + size - i, p, size);
  struct alloc_info info;
  if (alloc_query(p + size, 0, &info) == 0 && info.base == p) ++wrong;
}
int main(void) {
  const size_t kSizes[] = {8ull << 30, (8ull << 30) - 1, (8ull << 30) + 1, 33ull << 30, 8ull << 30, 3000000000ull, 1ull << 40};
  const long before = resident();
  char *p = malloc(kSizes[0]);
  for (unsigned i = 0; p != NULL && i < sizeof kSizes / sizeof *kSizes; ++i) {
    char *moved = realloc(p, kSizes[i]);
    if (moved == NULL) { check(p, kSizes[i - 1]); continue; }  // refused: the old block is as it was
    p = moved;
    check(p, kSizes[i]);
  }
  if (p == NULL) return 77;
  free(p);
  p = aligned_alloc(1 << 21, 8ull << 30), check(p, 8ull << 30), free(p);
  p = calloc(1ull << 30, 9), check(p, 9ull << 30), free(p);
  printf("%d wrong, %d\n", wrong, resident() - before < 64);
}
END
build a.c -O1
status=0
preload ./a > out || status=$?
[ $status -ne 77 ] || skip "this machine gives no block of 8 GiB"
[ $status -eq 0 ] || fail "exit status $status"
expect out << 'END'
0 wrong, 1
END
