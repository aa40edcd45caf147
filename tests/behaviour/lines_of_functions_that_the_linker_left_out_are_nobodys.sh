#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The line table keeps the lines of a function that --gc-sections drops, at address 0 and as far from there as the function was long: other code lies there.
. "$(dirname "$0")/lib.sh"

cat > unused.c << 'END'
int unused(int n) {
  __asm__ volatile(".skip 40000, 0x90");
  return n + 1;
}
int used(int n) { return n; }
END
cat > main.c << 'END'
#include <stdlib.h>
int used(int);
void *volatile kept;
int main(int n, char **arguments) {
  kept = malloc((size_t)n);
  return used(n) + (arguments == NULL);
}
END
$CC -O2 -g -ffunction-sections -Wl,--gc-sections unused.c main.c -o main
allocs meta dump ./main > dump
grep -q 'malloc in main .*main\.c:5$' dump || fail "not its line: $(grep 'malloc in' dump)"
