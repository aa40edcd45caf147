#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A set-user-id program started with the preload variable runs as if it were not there, and says nothing of ours.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "only root can make a set-user-id file for somebody else to run"
require setpriv

cat > plain.c << 'END'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char line[500];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) if (strstr(line, "liballocs_preload")) puts("it is there");
  printf("ran as %d\n", geteuid());
}
END
build plain.c
chmod 755 . && chmod 4755 plain
preload setpriv --reuid=65534 --clear-groups ./plain > out 2> errors || fail "exit status $?: $(cat errors)"
grep -q 'ran as 0' out || skip "set-user-id has no effect in $PWD"
expect out << 'END'
ran as 0
END
if grep -v '^ERROR: ld.so: object .* cannot be preloaded' errors; then fail "something was said"; fi
