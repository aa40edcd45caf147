#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest runs under valgrind, which finds nothing to complain about.
. "$(dirname "$0")/lib.sh"
require valgrind

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
int main(void) {
  int local = 3, *p = malloc(10 * sizeof *p);
  printf("%s %zu\n", alloc_get_allocator(&local)->name, alloc_get_size(&alloc_get_size) * 0);
  free(p);
}
END
build a.c
valgrind -q --error-exitcode=9 --trace-children=no env true || skip "valgrind does not work here"
LD_PRELOAD=$PRELOAD valgrind -q --error-exitcode=9 ./a > out 2> complaints || fail "exit status $?: $(cat complaints)"
expect out << 'END'
stackframe 0
END
[ ! -s complaints ] || fail "$(cat complaints)"
