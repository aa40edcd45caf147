#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Over another malloc the index needs room for two directories before its first block. Where that would be much of what there is, no block is told and the
# malloc has the room; where it is little, each answer is right.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
enum { kBlocks = 1000 };
static char *blocks[kBlocks];
int main(void) {
  int wrong = 0, told = 0;
  for (int i = 0; i < kBlocks; ++i) blocks[i] = malloc(1 + i % 40);
  for (int i = 0; i < kBlocks; ++i) {
    struct alloc_info info;
    if (blocks[i] == NULL || alloc_query(blocks[i], 0, &info) != ALLOC_OK) continue;
    ++told;
    wrong += info.base != blocks[i] || info.size != (size_t)(1 + i % 40);
  }
  printf("%d told, %d wrong\n", told, wrong);
  return wrong != 0;
}
EOF
build a.c -O1
for malloc in $(other_mallocs); do
  for kib in 40000 44000 48000 52000 56000 60000 64000 66000 100000 200000; do
    # Below what the program and its malloc need themselves, they end on their own.
    (ulimit -v $kib && LD_PRELOAD="$malloc" ./a > /dev/null 2>&1) || continue
    # What our file and the hooks' own directory take may be what the malloc lacks in the least ones, and not every one survives that.
    status=0
    (ulimit -v $kib && LD_PRELOAD="$PRELOAD $malloc" ./a > out 2>&1) || status=$?
    echo "$malloc, $kib KiB: status $status, $(tail -n 1 out)"
    [ $status -ne 1 ] || fail "$malloc, $kib KiB: $(cat out)"
    [ $status -eq 0 ] || [ $kib -lt 60000 ] || fail "$malloc, $kib KiB: ends with $status: $(cat out)"
  done
  # RLIMIT_DATA counts what is private and may be written, wherever it is.
  for kib in 30000 40000 52000 56000 60000 64000 100000 200000; do
    (ulimit -d $kib && LD_PRELOAD="$malloc" ./a > /dev/null 2>&1) || continue
    (ulimit -d $kib && LD_PRELOAD="$PRELOAD $malloc" ./a > out 2>&1) || fail "$malloc, $kib KiB of data: $(cat out)"
  done
  (ulimit -v 1000000 && LD_PRELOAD="$PRELOAD $malloc" ./a > out 2>&1) || fail "$malloc: does not run in 1 GB"
  expect out << 'END'
1000 told, 0 wrong
END
done
