#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process that does little pays for what it touches: each page of ours that its start and its first allocations touch is a page fault. Shell
# scripts are made of such processes. A library that only forwards costs six or seven; we may cost fourteen where nothing is allocated, and where some
# dozens of call sites allocate, a few dozen kilobytes, nineteen.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <stdlib.h>
static void *volatile block;
#define SITE(n) \
  static __attribute__((noinline)) void site##n(void) { \
    block = malloc(n * 8 + 1); \
    if (n % 2) free(block); \
    __asm__ volatile(".skip 1000, 0x90"); \
  }
#define TEN(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define FORTY(X) TEN(X, 1) TEN(X, 2) TEN(X, 3) TEN(X, 4)
FORTY(SITE)
int main(int count, char **arguments) {
  (void)arguments;
  if (count == 1) return 0;
#define CALL(n) site##n();
  FORTY(CALL)
  return 0;
}
END
cat > count.c << 'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **arguments) {
  enum { processes = 60 };
  if (count > 3) setenv("LD_PRELOAD", arguments[3], 1);
  for (int i = 0; i < processes; ++i) {
    const pid_t child = vfork();
    if (child < 0) return 1;
    if (child == 0) {
      execl(arguments[1], arguments[1], strcmp(arguments[2], "0") == 0 ? NULL : arguments[2], (char *)NULL);
      _exit(1);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  struct rusage used;
  if (getrusage(RUSAGE_CHILDREN, &used) != 0) return 1;
  printf("%ld\n", used.ru_minflt / processes);
  return 0;
}
END
build a.c -O1
build count.c -O1
export ALLOCS_META=never
for bound in "0 14" "1 19"; do
  what=${bound% *}
  more=
  for run in 1 2 3; do
    alone=$(./count ./a "$what") || fail "alone: exit status $?"
    [ "$alone" -gt 0 ] || skip "page faults are not counted here"
    guest=$(./count ./a "$what" "$PRELOAD") || fail "guest: exit status $?"
    more="$more $((guest - alone))"
  done
  least=$(printf '%s\n' $more | sort -n | head -1)
  [ "$least" -le "${bound#* }" ] || fail "page faults a process more than alone, $what:$more"
done
