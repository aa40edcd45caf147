#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Programs that are stripped, or whose debug information was cut short or changed at random, run as guests and ask: bounds of blocks are exact,
# types may be missing, nothing crashes; not the tool that reads the information either.
. "$(dirname "$0")/lib.sh"
require python3 strip objcopy

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
struct record { long id; char name[24]; } global;
int main(void) {
  struct record *p = malloc(sizeof *p);
  struct alloc_info info;
  char text[300];
  int wrong = alloc_query(p->name, 0, &info) != 0 || info.base != p || info.size != sizeof *p;
  const void *each[] = {&global, p, &p, main, text};
  for (int i = 0; i < 5; ++i) {
    alloc_describe_wait(each[i], text, sizeof text);
    wrong += alloc_query(each[i], 0, &info) == 0 && (info.base > each[i] || info.allocator == NULL);
  }
  if (alloc_query(&wrong, 0, &info) == 0) wrong += strcmp(info.allocator->name, "stackframe") != 0;
  printf("%d wrong\n", wrong);
}
END
build a.c -O1
cp a whole
for how in --strip-debug --strip-all; do
  strip $how -o a whole
  preload ./a > out || fail "exit status $? after strip $how"
  expect out << 'END'
0 wrong
END
done
cat > damage.py << 'END'
import random, subprocess, sys
whole = open("whole", "rb").read()
rows = subprocess.run(["readelf", "-SW", "whole"], capture_output=True, text=True, check=True).stdout.splitlines()
sections = []
for row in rows:
    fields = row.replace("[ ", "[").split()
    if len(fields) > 5 and fields[1].startswith(".debug"):
        sections.append((int(fields[4], 16), int(fields[5], 16)))
end = max(at + size for at, size in sections)
for seed in range(40):
    chance = random.Random(seed)
    bad = bytearray(whole)
    if seed % 4 == 0:  # the last half is zero, as after an interrupted copy
        at, size = chance.choice(sections)
        bad[at + size // 2:end] = bytes(end - at - size // 2)
    else:
        for _ in range(1 << chance.randrange(8)):
            at, size = chance.choice(sections)
            bad[at + chance.randrange(size)] = chance.randrange(256)
    open(f"bad.{seed}", "wb").write(bad)
# And the file itself ends early: in its debug information, so that what is loaded is whole, but the table of sections is gone.
for seed in range(40, 46):
    open(f"bad.{seed}", "wb").write(whole[:sections[0][0] + (seed - 39) * 100])
END
python3 damage.py
for bad in bad.*; do
  cp "$bad" a && chmod +x a
  status=0
  XDG_CACHE_HOME=$PWD/cache.$bad allocs meta build ./a > /dev/null 2>&1 || status=$?
  [ $status -lt 100 ] || fail "allocs meta build ended with $status on $bad"
  XDG_CACHE_HOME=$PWD/cache.$bad preload ./a > out || fail "exit status $? with $bad"
  expect out << 'END'
0 wrong
END
  rm -rf "cache.$bad"
done
