#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A handler that a timer calls ten thousand times a second asks, whatever the program is doing: allocating, loading libraries,
# asking itself. The test ends when it has asked 60 000 times, however long the machine takes to deliver the signals.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
static volatile unsigned long asked, wrong;
static long global;
static void *volatile block;
static void handler(int signal) {
  struct alloc_info info;
  int local = signal;
  if (alloc_query(&global, ALLOC_NOWAIT, &info) == 0 && info.base != &global) ++wrong;
  if (alloc_query(&local, ALLOC_NOWAIT, &info) != 0 || info.allocator != &__stackframe_allocator) ++wrong;
  void *p = block;
  if (alloc_query(p, ALLOC_NOWAIT, &info) == 0 && p != NULL && info.base > p) ++wrong;
  asked += 3;
}
int main(void) {
  struct itimerval often = {{0, 100}, {0, 100}};
  alloc_get_type(&global);
  signal(SIGALRM, handler);
  setitimer(ITIMER_REAL, &often, NULL);
  for (unsigned i = 0; asked < 60000; ++i) {
    void *p = realloc(malloc(i % 5000), i % 9000 + 1);
    block = p;
    alloc_get_size(p);
    block = NULL;
    free(p);
    if (i % 500 == 0) {
      void *library = dlopen("libm.so.6", RTLD_NOW);
      if (library != NULL) dlclose(library);
    }
  }
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  printf("%lu wrong\n", wrong);
}
END
build a.c -O1
preload ./a > out || fail "exit status $?"
expect out << 'END'
0 wrong
END
