#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A malloc that is preloaded behind us, or linked as a library, keeps working; its blocks are answered under its name.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static void *work(void *seed) {
  char *kept[512] = {0};
  unsigned x = (unsigned)(long)seed;
  for (int i = 0; i < 200000; ++i) {
    x = x * 1664525 + 1013904223;
    char **slot = &kept[x >> 23];
    switch ((x >> 8) % 5) {
      case 0: *slot = realloc(*slot, x % 3000 + 1); break;
      case 1: free(*slot); *slot = malloc(x % 200); break;
      case 2: free(*slot); *slot = calloc(x % 7, 24); break;
      case 3: free(*slot); *slot = aligned_alloc(64, 64 * (x % 9 + 1)); break;
      default: free(*slot); *slot = strdup("text"); break;
    }
  }
  for (int i = 0; i < 512; ++i) free(kept[i]);
  return NULL;
}
int main(void) {
  pthread_t threads[3];
  for (long i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, work, (void *)i);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  int *block = malloc(10 * sizeof *block);
  printf("%s %zu\n", alloc_get_allocator(block + 3)->name, alloc_get_size(block + 3));
}
END
build a.c -pthread
tried=
for library in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  found=$(ls /usr/lib/*/$library /usr/lib/*/${library}.* 2> /dev/null | head -n 1)
  [ -n "$found" ] || continue
  tried=yes
  LD_PRELOAD=$PRELOAD:$found ./a > out || fail "exit status $? with $library preloaded"
  expect_line out "* 40"
  $CC -g -I"$ALLOCS_PREFIX/include" -pthread -o linked a.c "$found" -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
  preload ./linked > out || fail "exit status $? with $library linked"
  expect_line out "* 40"
done
[ -n "$tried" ] || skip "neither jemalloc, tcmalloc nor mimalloc is installed"
