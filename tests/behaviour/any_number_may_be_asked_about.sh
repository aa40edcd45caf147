#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ten million random 64-bit values, and the borders of every mapping, are answered without a fault.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
static unsigned long long state = 88172645463325252ull;
static unsigned long long next(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}
static unsigned long told;
static void ask(unsigned long long at, unsigned flags) {
  struct alloc_info info;
  char text[64];
  told += alloc_query((void *)at, flags, &info) == ALLOC_OK;
  if ((at & 0xff) == 0) alloc_describe((void *)at, text, sizeof text);
}
int main(void) {
  for (int i = 0; i < 10000000; ++i) ask(next() >> (i % 4 ? next() % 64 : 0), ALLOC_NOWAIT);
  for (int i = 0; i < 20000; ++i) ask(next() >> (next() % 64), 0);
  FILE *maps = fopen("/proc/self/maps", "r");
  unsigned long long from, to;
  while (fscanf(maps, "%llx-%llx%*[^\n]", &from, &to) == 2)
    for (long long by = -9; by <= 9; ++by) ask(from + by, 0), ask(to + by, 0), ask(from + next() % (to - from), 0);
  printf("%d\n", told > 100);
}
END
build a.c -O2
preload ./a > out || fail "exit status $?"
expect out << 'END'
1
END
