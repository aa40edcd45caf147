#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Preprocessing, dependencies, assembly code and objects are what the compiler makes of the same words.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"
require objcopy

mkdir -p src/inc
echo '#define N 3' > src/inc/n.h
printf '#include "n.h"\nint f(int x) { return x * N; }\n' > src/a.c
echo 'int g(void) { return 5; }' > src/b.c

check() {
  same -Iinc -E a.c && same -Iinc -E a.c -o a.i && same_content a.i
  same -Iinc -E -dM a.c && same -Iinc -M a.c && same -Iinc -MM a.c -MT x.o && same -E -P b.c a.c -I inc
  same -Iinc -fsyntax-only a.c && same -Iinc -MMD -MF a.d -fsyntax-only a.c
  same -O2 -g -Iinc -c a.c && same_code a.o
  same -Iinc -O2 -MD -c a.c -o x.o && same_content x.d && same_code x.o
  same -Iinc -O2 -MMD -MP -MF d.d -MT t -c a.c && same_content d.d
  same -Iinc -O1 -c a.c b.c && same_code a.o b.o
  same -Iinc -c a.c -o /dev/null && same -Iinc -S a.c -o /dev/null
  same -Iinc -O2 -fPIC -m64 -pipe -Wall -Wextra -std=c99 -D_GNU_SOURCE -c a.c -o inc/a.o && same_code inc/a.o
  same -Iinc --coverage -c a.c -o y.o
  same -Iinc -gsplit-dwarf -g -c a.c -o z.o
  same -Iinc -g -save-temps -c b.c
}
for_each_compiler check
