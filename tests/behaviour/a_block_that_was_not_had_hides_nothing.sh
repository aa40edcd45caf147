#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A malloc that fails returns NULL, which is no block, also where the heap lies so low that its part of the index covers NULL.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static char data[8000000];
static volatile size_t count = 2, least = 1000000;
static int wrong, walked;
static int visit(const struct alloc_info *info, void *unused) {
  ++walked;
  wrong += info->base == NULL;
  return 0;
}
int main(void) {
  void *low = malloc(100);
  void *large = malloc(60000);
  /* From one call site: had, then not had. What the product wraps to, 2 * 10^7, is where data lies. */
  const size_t each[] = {least, SIZE_MAX / 2 + 10 * least, SIZE_MAX / 4, SIZE_MAX / 2 + 10 * least};
  for (int i = 0; i < 4; ++i) {
    void *volatile block = calloc(count, each[i]);
    if ((block == NULL) != (i > 0)) return puts("unexpected"), 1;
  }
  for (size_t i = 0; i < sizeof data; i += 4000) {
    struct alloc_info info;
    wrong += alloc_query(data + i, 0, &info) != ALLOC_OK || info.base != data;
  }
  wrong += alloc_get_base((char *)low + 99) != low || alloc_get_base((char *)large + 59999) != large;
  alloc_walk_blocks(0, visit, NULL);
  printf("%s, %s: %d wrong\n", (uintptr_t)low < 1 << 26 ? "low" : "high", walked >= 3 ? "walked" : "not walked", wrong);
  return 0;
}
EOF
build a.c -O1 -no-pie -w
# Where nothing is placed at random, the heap begins just behind the program.
run_low() { setarch -R env LD_PRELOAD="$1" ./a; }
setarch -R true 2> /dev/null || { echo "addresses cannot be chosen here" && exit 77; }
run_low "$PRELOAD" > out
expect out <<'EOF'
low, walked: 0 wrong
EOF
for malloc in $(other_mallocs); do
  run_low "$PRELOAD $malloc" > out
  grep -q ' 0 wrong' out || fail "$malloc: $(cat out)"
done
