#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where no image can be kept, answers are what the ELF file says, or complete; never a crash.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
long global;
int main(void) {
  int *p = malloc(12);
  struct alloc_info info;
  alloc_query(&global, 0, &info);
  printf("%s %s %zu %zu\n", info.allocator->name, info.name, info.size, alloc_get_size(p));
}
END
build a.c
for cache in /proc/no/such/place /dev/null "$(printf '%05000d' 0)" relative/path; do
  XDG_CACHE_HOME=$cache HOME=/proc/none preload ./a > out || fail "exit status $? with the cache $cache"
  expect out << 'END'
static global 8 12
END
done
mkdir locked && chmod 500 locked
XDG_CACHE_HOME=$PWD/locked preload ./a > out
expect out << 'END'
static global 8 12
END
