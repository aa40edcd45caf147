#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A static or static-PIE executable has no dynamic linker to preload anything: it runs as it does alone, its own questions are answered
# "no run time", and from outside its functions and variables are told from its debug information.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <unistd.h>
struct record { long id; char name[24]; } global;
int main(void) {
  int *block = malloc(12);
  struct alloc_info info;
  printf("%s\n", alloc_error_message(alloc_query(block, 0, &info)));
  printf("%p %p\n", (void *)&global.name[3], (void *)block);
  fflush(stdout);
  getchar();
}
END
for how in -static -static-pie; do
  $CC -g $how -I"$ALLOCS_PREFIX/include" -o a a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" 2> log || skip "no static C library: $(tail -n 1 log)"
  rm -f input && mkfifo input
  : > out
  LD_PRELOAD=$PRELOAD ./a < input > out &
  exec 3> input
  while [ "$(wc -l < out)" -lt 2 ]; do sleep 0.1; done
  expect_line out 'the run time is not loaded*'
  allocs what $! $(tail -n 1 out) > outside || true
  exec 3>&-
  wait $! || fail "exit status $? with $how"
  grep -q 'record' outside && grep -q 'name\[3\]\|global' outside || fail "$how: $(cat outside)"
  grep -q '__default_lib_malloc' outside && fail "$how: a block was seen that nobody recorded: $(cat outside)"
done
exit 0
