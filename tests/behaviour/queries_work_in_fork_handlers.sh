#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The handlers that pthread_atfork runs, before a fork and after it in the parent and in the child, may allocate and ask, with threads
# about: blocks, variables and frames are what they are.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static long variable[7] = {1};
static long *old_block, *local_of_main;
static _Thread_local int own_variable;
static long asked, wrong;
static void is(const char *where, const void *at, const char *allocator, size_t size, unsigned flags) {
  struct alloc_info info;
  ++asked;
  const int error = alloc_query(at, flags, &info);
  if (error == 0 && strcmp(info.allocator->name, allocator) == 0 && (size == 0 || info.size == size)) return;
  ++wrong;
  printf("%s: %s is %s %zu, error %d\n", where, allocator, info.allocator ? info.allocator->name : "-", info.size, error), fflush(stdout);
}
static void ask(const char *where) {
  long local[2] = {1};
  for (unsigned flags = 0; flags < 2; ++flags) {
    long *block = malloc(3 * sizeof *block);
    is(where, block + 1, "__default_lib_malloc", 24, flags), is(where, old_block + 1, "__default_lib_malloc", 40, flags);
    block = realloc(block, 1000);
    is(where, block + 1, "__default_lib_malloc", 1000, flags);
    free(block);
    is(where, variable + 1, "static", sizeof variable, flags), is(where, local, "stackframe", 0, flags), is(where, local_of_main, "stackframe", 0, flags);
    is(where, &own_variable, "tls-symbol", 4, flags), is(where, (void *)ask, "static", 0, flags);
  }
}
static void prepare(void) { ask("prepare"); }
static void parent(void) { ask("parent"); }
static void child(void) { ask("child"); }
static _Atomic int stop;
static void *busy(void *unused) {
  while (!stop) { void *p = malloc(100); struct alloc_info info; alloc_query(p, 0, &info), alloc_query(variable, 0, &info), free(p); }
  return unused;
}
int main(void) {
  long local[2] = {1};
  local_of_main = local;
  old_block = malloc(5 * sizeof *old_block);
  own_variable = 1;
  ask("main");
  pthread_atfork(prepare, parent, child);
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, busy, NULL);
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t pid = fork();
    if (pid == 0) ask("in the child"), _exit(wrong != 0);
    int status;
    waitpid(pid, &status, 0);
    failed += status != 0;
  }
  stop = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("%ld asked, %ld wrong, %d children failed\n", asked, wrong, failed);
}
END
build a.c -O1 -pthread
preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
3216 asked, 0 wrong, 0 children failed
END
