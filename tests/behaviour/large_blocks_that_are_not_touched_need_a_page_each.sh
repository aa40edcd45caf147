#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that asks for large blocks and hardly touches them pays one page of the index for each, that of its start, and for what
# says where they are a few pages a region. Resident memory, as a guest less alone.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  const size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  char *volatile last = NULL;
  for (int i = 0; i < 5000; ++i) last = malloc(size);
  unsigned long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (last == NULL || statm == NULL || fscanf(statm, "%*u %lu", &pages) != 1) return 1;
  printf("%lu\n", pages);
}
END
build a.c -O1
for size in 60000 1000000 3000000; do
  alone=$(./a $size) || fail "alone: exit status $?"
  guest=$(ALLOCS_META=never preload ./a $size) || fail "guest: exit status $?"
  # 5000 pages of starts; two a region of 64 MiB (234 regions of 3 000 000 bytes each); page tables are not counted; the library itself.
  [ $((guest - alone)) -le 6000 ] || fail "blocks of $size bytes: $((guest - alone)) pages more than alone"
done
