#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the compiler complains about, it complains about in the same words, with the same exit status and files.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"

mkdir src
echo 'int f(void) { return x; }' > src/wrong.c
echo 'int f(void) { int unused; return 1; }' > src/warns.c
echo 'int g(void); int main(void) { return g(); }' > src/main.c
echo '#include "none.h"' > src/includes.c
echo 'nonsense' > src/wrong.s

check() {
  same -c wrong.c
  same -c -Wall warns.c
  same -c -Wall -Werror warns.c
  same -c includes.c
  same -c wrong.s
  same -c none.c
  same -c wrong.c warns.c -Wall
  same wrong.c warns.c main.c -Wall
  same -g main.c
  same -g main.c -lnone
  same
  same -c
  same -o
  same -c main.c -o
  same -no-such-option -c warns.c
  same -c main.c -o none/main.o
  same -c main.c warns.c -o one.o
  same -E none.c
  same -x nothing -c main.c
  same @none.rsp
  same -v
}
for_each_compiler check
expect_status 2 allocscc --allocs-nonsense -c src/main.c 2> err
expect_status 127 allocscc --allocs-cc=no-such-cc -c src/main.c 2> err
grep -q 'no-such-cc: there is no such compiler' err || fail "$(cat err)"
