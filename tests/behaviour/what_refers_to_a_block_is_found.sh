#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# "allocs refs" finds the fields, variables and registers that point at an allocation, and the chain that keeps it alive.
. "$(dirname "$0")/lib.sh"
require python3

cat > a.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { long value; struct node *next; unsigned long number; };
struct table { int used; struct node *slots[4]; };
static struct table table;
/* Some begin at addresses that are no multiple of eight. */
static struct __attribute__((packed)) { char c; struct node *odd; char text[16]; struct node *late; } packed __attribute__((aligned(8)));
static __thread struct node *own;
/* So that frames to come find no old pointers in their unused slots. */
static void scrub(void) { char old[65536]; memset(old, 0, sizeof old); __asm__ volatile("" : : "r"(old) : "memory"); }
int main(void) {
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IONBF, 0);
  struct node *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second), *third = calloc(1, sizeof *third);
  struct node *lost = calloc(1, sizeof *lost);
  lost->next = lost;
  unsigned long lost_number = (unsigned long)lost;
  table.slots[2] = first;
  packed.odd = packed.late = first;
  memcpy(packed.text + 1, &first, sizeof first);
  first->next = second;
  second->next = third;
  second->number = (unsigned long)&third->number;
  own = second;
  printf("first %p second %p third %p lost %p table %p\n", (void *)first, (void *)second, (void *)third, (void *)lost, (void *)&table);
  lost_number = ~lost_number;
  struct node *volatile *gone[] = {(struct node *volatile *)&first, (struct node *volatile *)&second, (struct node *volatile *)&third, (struct node *volatile *)&lost};
  for (int i = 0; i < 4; ++i) *gone[i] = NULL;
  memset(gone, 0, sizeof gone);
  puts("ready");
  scrub();
  getchar();
  printf("%lu\n", ~lost_number);
  return 0;
}
END
build a.c
allocs meta build ./a > made
start_guest ./a
address_of() { sed -n "s/.*$1 \(0x[0-9a-f]*\).*/\1/p" output; }

# what ARGUMENT...   kind and path of each reference from variables and blocks, without addresses
cat > what.py <<'END'
import json, re, sys
told = json.load(sys.stdin)
for ref in told.get("references", told.get("chain")):
    if ref["kind"] != "register" and not ref["allocator"].startswith("stackframe"):
        print(ref["kind"], ref["offset"], re.sub("0x[0-9a-f]+", "N", ref["path"]), ref["type_as_written"])
END
what() { allocs refs --json "$@" | python3 what.py | sort; }

what $pid "$(address_of first)" > told
expect told <<'END'
pointer 0 packed.late struct node *
pointer 0 packed.odd struct node *
pointer 0 table.slots\[2\] struct node *
END
what $pid "$(address_of second)" > told
expect told <<'END'
pointer 0 ((struct node *)N)->next struct node *
pointer 0 own struct node *
END
what $pid "$(address_of third)" > told
expect told <<'END'
not a pointer 16 ((struct node *)N)->number *unsigned*
pointer 0 ((struct node *)N)->next struct node *
END
# An address inside asks about the whole.
third=$(address_of third)
what $pid "$(printf '%#x' $((third + 20)))" > again
cmp told again || fail "an address inside the block gives other references"

allocs refs --json --from-root $pid "$third" | python3 what.py > told
expect told <<'END'
pointer 0 own struct node *
pointer 0 ((struct node *)N)->next struct node *
END
# Only itself holds it: no chain.
status=0
allocs refs --from-root $pid "$(address_of lost)" > told || status=$?
[ $status -eq 1 ] || fail "a chain to a block that only points at itself: $status, $(cat told)"
what $pid "$(address_of lost)" > told
expect told <<'END'
pointer 0 ((struct node *)N)->next struct node *
END
allocs refs $pid "$(address_of first)" > told
grep -q 'table.slots\[2\]  struct node \*  static' told || fail "the text is $(cat told)"

gdb --batch -p $pid -ex 'generate-core-file core' > gdb.log 2>&1 || skip "gdb cannot make a core here"
what core "$third" > told
expect told <<'END'
not a pointer 16 ((struct node *)N)->number *unsigned*
pointer 0 ((struct node *)N)->next struct node *
END
exec 3>&-
wait $pid || fail "the process ended with $? after it was looked at"
