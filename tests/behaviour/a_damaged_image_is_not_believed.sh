#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An image in the cache that was cut, changed, or made for another build gives no wrong answer and no crash.
. "$(dirname "$0")/lib.sh"
require python3

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
struct record { long id; char name[24]; } global;
int main(void) {
  struct record *p = malloc(sizeof *p);
  char text[200];
  alloc_describe_wait(p, text, sizeof text), alloc_describe_wait(&p, text, sizeof text);
  printf("%s %zu ", alloc_get_allocator(&global)->name, alloc_get_size(&global));
  puts(uniqtype_name(alloc_get_type(&global)));
}
END
build a.c
export XDG_CACHE_HOME=$PWD/cache
preload ./a > out
expect out << 'END'
static 32 record
END
image=$(allocs meta build ./a)
cp "$image" good
cat > damage.py << 'END'
import random
good = open("good", "rb").read()
for seed in range(150):
    chance = random.Random(seed)
    bad = bytearray(good)
    if seed % 3 == 0:
        bad = bad[:chance.randrange(len(bad))]
    elif seed % 3 == 1:
        for _ in range(1 + seed % 7):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
    else:
        bad[chance.randrange(96)] ^= 0x55
    open(f"bad.{seed}", "wb").write(bad)
END
python3 damage.py
sed 's/record/other/; s/global/elsewhere/g' a.c > b.c
build b.c
cp "$(allocs meta build ./b)" bad.other
for bad in bad.*; do
  mv -f "$bad" "$image"
  ALLOCS_META=never preload ./a > out || fail "exit status $? with $bad"
  expect out << 'END'
static 32 *
END
  grep -q 'record$\|(no type)$' out || fail "$bad was believed: $(cat out)"
done
preload ./a > out
expect out << 'END'
static 32 record
END
