#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A walk over a heap of few blocks costs what these few cost, not what the tables could hold: neither instructions nor pages.
. "$(dirname "$0")/lib.sh"
require valgrind python3

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static int count(const struct alloc_info *block, void *context) { return (void)block, ++*(long *)context, 0; }
int main(int argc, char **argv) {
  long blocks = 0, walks = argc > 1 ? atol(argv[1]) : 1;
  void *volatile some = malloc(100);
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  for (long i = 0; i < walks; ++i) blocks = 0, alloc_walk_blocks(0, count, &blocks);
  getrusage(RUSAGE_SELF, &after);
  printf("%s blocks, %s pages touched\n", blocks > 0 && blocks < 100 ? "few" : "not few", after.ru_minflt - before.ru_minflt < 200 ? "few" : "many");
  free(some);
  return 0;
}
END
build a.c -O1
allocs meta build ./a > made
preload ./a > out
expect out << 'END'
few blocks, few pages touched
END
instructions() {
  LD_PRELOAD=$PRELOAD valgrind --tool=callgrind --callgrind-out-file=counted.$1 --log-file=log.$1 ./a "$1" > walked
  sed -n 's/^summary: //p' counted.$1
}
few=$(instructions 2)
many=$(instructions 22)
each=$(((many - few) / 20))
echo "$each instructions a walk" >&2
[ "$each" -lt 100000 ] || fail "a walk over a few blocks takes $each instructions"
