#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A forked child that does little pays for what it touches: each page of code that its parent had is mapped again, each page that it writes to is
# copied. Shell scripts are made of such children. A library that only forwards costs two to four page faults, we may cost six.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
static char *volatile block;
static __attribute__((noinline)) void again(void) {
  free(block);
  block = malloc(100);
}
int main(void) {
  enum { children = 200 };
  again();
  for (int i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
      again();
      exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  struct rusage used;
  if (getrusage(RUSAGE_CHILDREN, &used) != 0) return 1;
  printf("%ld\n", used.ru_minflt * 10 / children);
  return 0;
}
END
build a.c -O1
# Where the libraries lie decides over a fault or two.
more=
for run in 1 2 3; do
  alone=$(./a) || fail "alone: exit status $?"
  [ "$alone" -gt 0 ] || skip "page faults are not counted here"
  guest=$(ALLOCS_META=never preload ./a) || fail "guest: exit status $?"
  more="$more $((guest - alone))"
done
least=$(printf '%s\n' $more | sort -n | head -1)
[ "$least" -le 60 ] || fail "tenths of a page fault a child more than alone:$more"
