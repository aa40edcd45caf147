#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# "allocs heap" counts the blocks of a process and of its core by type and allocation site, and what they grow by.
. "$(dirname "$0")/lib.sh"
require python3

cat > a.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct node { struct node *next; long value; };
struct node *list;
double *samples;
int *counts;
void *opaque;
static void add_nodes(int n) {
  for (int i = 0; i < n; ++i) {
    struct node *added = malloc(sizeof *added);
    added->next = list;
    list = added;
  }
}
int main(void) {
  char line[16];
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IONBF, 0);
  add_nodes(1000);
  struct node *half = list;
  for (int i = 0; i < 499; ++i) half = half->next;
  struct node *freed = half->next;
  half->next = NULL;
  while (freed != NULL) { struct node *next = freed->next; free(freed); freed = next; }
  samples = calloc(300, sizeof *samples);
  counts = malloc(40 * sizeof *counts);
  counts = realloc(counts, 70000 * sizeof *counts);
  opaque = malloc(77);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (line[0] == 'm') { add_nodes(11); free(opaque); opaque = NULL; puts("more"); }
    if (line[0] == 'q') abort();
  }
  return 0;
}
END
build a.c
allocs meta build ./a > made
start_guest ./a

cat > rows.py <<'END'
import json, sys
told = json.load(open(sys.argv[1]))
for row in told["rows"]:
    if row.get("object", "").endswith("/a"):
        print(row["type"], row["blocks"], row["bytes"], row["function"], row.get("line", ""))
END
allocs heap --json --top 0 $pid > told || fail "allocs heap ended with $?"
python3 rows.py told | sort > rows
expect rows <<'END'
None 1 77 main 29
__ARR0_float$64 1 2400 main 26
__ARR0_int$32 1 280000 main 28
node 500 8000 add_nodes 11
END
allocs heap --json --top 0 --by-type $pid > told
python3 -c 'import json; print(*[(r["blocks"], r["bytes"]) for r in json.load(open("told"))["rows"] if r["type"] == "node"])' > rows
expect rows <<'END'
(500, 8000)
END
allocs heap $pid > told
grep -q '8000 B  *500  struct node  *add_nodes, a.c:11 (a)' told || fail "the table is $(cat told)"

allocs heap --growth 3 --json $pid > told 2> progress &
asked=$!
until grep -q counted progress; do
  kill -0 $asked || fail "allocs heap --growth ended at once"
  sleep 0.05
done
echo m >&3
until grep -q more output; do sleep 0.05; done
wait $asked || fail "allocs heap --growth ended with $?"
python3 rows.py told | sort > rows
expect rows <<'END'
None -1 -77 main 29
node 11 176 add_nodes 11
END

require gdb
gdb --batch -p $pid -ex 'generate-core-file core' > gdb.log 2>&1 || skip "gdb cannot make a core here"
allocs heap --json --top 0 core > told || fail "allocs heap of the core ended with $?"
python3 rows.py told | sort > rows
expect rows <<'END'
__ARR0_float$64 1 2400 main 26
__ARR0_int$32 1 280000 main 28
node 511 8176 add_nodes 11
END
exec 3>&-
wait $pid || fail "the process ended with $? after it was looked at"

sleep 60 &
alone=$!
status=0
allocs heap $alone 2> problem || status=$?
kill $alone
[ $status -eq 1 ] && grep -q "does not run under liballocs" problem || fail "without liballocs: $status, $(cat problem)"
