#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A variable that is aligned to more than a page makes gaps between the segments of an executable, of which the loader then tells one by one. Frames and statics are told all the same.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF2'
#include <allocs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
static char big[16384] __attribute__((aligned(ALIGNMENT)));
static const int *asked;
static int in_handler;
static void ask(const char *what, const void *at) {
  struct alloc_info info;
  int error = alloc_query(at, 0, &info);
  printf("%s: %d %s %s\n", what, error, info.allocator ? info.allocator->name : "-", uniqtype_name(info.type));
}
static void handler(int number) {
  struct alloc_info info;
  (void)number;
  in_handler = alloc_query(asked, ALLOC_NOWAIT, &info);
}
__attribute__((noinline)) static int called(int *of_caller) {
  int own = *of_caller;
  ask("own", &own);
  ask("caller's", of_caller);
  asked = of_caller;
  raise(SIGUSR1);
  return own;
}
int main(int argc, char **argv) {
  int local = argc;
  (void)argv;
  signal(SIGUSR1, handler);
  ask("variable", big);
  ask("function", (const void *)main);
  int *block = malloc(10 * sizeof *block);
  ask("block", block);
  called(&local);
  printf("in a handler: %d\n", in_handler);
  return big[argc];
}
EOF2
for alignment in 4096 16384 65536 2097152; do
  for flags in -pie -no-pie; do
    build a.c $flags -O1 -DALIGNMENT=$alignment
    preload ./a > out || fail "exit status $?"
    expect out <<'EOF2'
variable: 0 static __ARR16384_signed_char$8
function: 0 static __FUN_FROM___ARG0_int$32__ARG1___PTR___PTR_signed_char$8__FUN_TO_int$32
block: 0 __default_lib_malloc __ARR*_int$32
own: 0 stackframe *called_vaddrs_*
caller's: 0 stackframe *main_vaddrs_*
in a handler: 0
EOF2
  done
done
