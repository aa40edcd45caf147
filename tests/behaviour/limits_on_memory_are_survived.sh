#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With little private writable memory allowed (RLIMIT_DATA; what overcommit 2 counts as well), with all of it locked
# (mlockall), or with both, a guest runs as it does alone, and asks. A block that could not be indexed says so.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
static long resident(void) {
  long size, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
  fclose(file);
  return pages / 256;
}
int main(int argc, char **argv) {
  int locked = 0;
  if (argc > 2) locked = mlockall(atoi(argv[2])) == 0;
  const long before = resident();
  if (atol(argv[1]) != 0) {
    const struct rlimit limit = {atol(argv[1]) << 20, atol(argv[1]) << 20};
    setrlimit(RLIMIT_DATA, &limit);
  }
  int wrong = 0, got = 0;
  for (int i = 0; i < 3000; ++i) {
    const size_t size = i % 10 == 0 ? 300000 : 1 + i * 7 % 3000;
    char *p = malloc(size);
    struct alloc_info info;
    if (p == NULL) continue;
    memset(p, 1, size);
    const int error = alloc_query(p + size / 2, 0, &info);
    wrong += error == 0 ? info.base != p || info.size != size : error != ALLOC_E_UNINDEXED;
    char *q = realloc(p, size * 2);
    wrong += q != NULL && alloc_query(q, ALLOC_NOWAIT, &info) == 0 && info.size != 2 * size;
    ++got;
    if (q != NULL ? i % 3 != 0 : 1) free(q != NULL ? q : p);
  }
  int local;
  wrong += strcmp(alloc_get_allocator(&local)->name, "stackframe") != 0;
  // Locked, a leaf of the index (8 MiB) is resident as a whole; how many there are depends on how far the heap spreads.
  char text[60];  // the stream's buffer may not be had
  const int length = snprintf(text, sizeof text, "%d wrong, %s%s\n", wrong, got > 0 ? "some" : "none", locked && resident() - before > 600 ? ", too much" : "");
  return write(1, text, length) != length;
}
END
build a.c -O1
for megabytes in 0 1000 100 40 24 8; do
  for how in "" 1 2 3; do # MCL_CURRENT, MCL_FUTURE
    # shellcheck disable=SC2086
    # The run time itself takes 17 MB of what is counted, and 8 for each region of 64 MiB that has blocks.
    [ $megabytes -ne 8 ] && blocks=some || blocks="*"
    ALLOCS_META=never preload ./a $megabytes $how > out || fail "exit status $? with $megabytes MB, locked '$how'"
    expect out << END
0 wrong, $blocks
END
  done
done

# Where a part of the index is refused, it is not asked for with every block.
cat > b.c << 'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
enum { kPairs = 1000000 };
static void *pairs(void *unused) {
  for (int i = 0; i < kPairs; ++i) {
    void *volatile p = malloc(40);
    free(p);
  }
  return unused;
}
int main(void) {
  const struct rlimit limit = {30 << 20, 30 << 20};
  setrlimit(RLIMIT_DATA, &limit);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_t thread;
  if (pthread_create(&thread, &small, pairs, NULL) != 0) return 1;
  return pthread_join(thread, NULL);
}
END
build b.c -O1 -pthread
ALLOCS_META=never ALLOCS_STATS=1 ALLOCS_STATS_FILE="$PWD/statistics" preload ./b || fail "exit status $? with 30 MB"
count() { awk -v name="$1" '{ for (i = 1; i < NF; ++i) if ($i == name) print $(i + 1) }' statistics; }
[ "$(count trouble.blocks_without_leaf)" -gt 900000 ] || fail "the blocks were indexed: $(cat statistics)"
[ "$(count trouble.own_memory_failed)" -lt 1000 ] || fail "$(count trouble.own_memory_failed) requests"
