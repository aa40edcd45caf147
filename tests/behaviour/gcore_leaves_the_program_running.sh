#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcore of a guest with threads: the program goes on, and its core gives each address the answer that the program gave.
. "$(dirname "$0")/lib.sh"
require gcore

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
struct record { long id; char name[24]; } global;
static void *wait_long(void *ready) { write(*(int *)ready, "", 1); for (;;) pause(); return NULL; }
int main(void) {
  int pipes[2]; char byte;
  pthread_t thread;
  if (pipe(pipes) != 0) return 1;
  for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, wait_long, &pipes[1]), (void)!read(pipes[0], &byte, 1);
  struct record *p = malloc(sizeof *p);
  char *large = malloc(5000000);
  const void *each[] = {&global.name[2], &p->name[3], large + 4000000, main, &p};
  for (int i = 0; i < 5; ++i) {
    struct alloc_info info;
    alloc_query(each[i], 0, &info);
    printf("%p %s %s %p\n", each[i], info.allocator->name, uniqtype_name(info.type), info.base);
  }
  fflush(stdout);
  getchar();
  puts("went on");
}
END
build a.c -pthread
mkfifo input
: > inside
LD_PRELOAD=$PRELOAD ./a < input > inside &
exec 3> input
while [ "$(wc -l < inside)" -lt 5 ]; do sleep 0.1; done
gcore -o core $! > log 2>&1 || skip "gcore may not trace here: $(tail -n 1 log)"
head -n 5 inside > told
allocs what "core.$!" $(cut -d ' ' -f 1 told) --json > outside || fail "allocs what ended with $?"
echo > input
wait $! || fail "the process ended with $? afterwards"
expect_line inside 'went on'
python3 - > outside.lines << 'END'
import json
for row in json.load(open("outside")):
    print(row["address"], row["allocator"], row["type"] or "(no type)", row["base"])
END
diff -u told outside.lines || fail "inside and outside differ"
