#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# posix_spawn, vfork and exec, fork and exec, system, popen, daemon-like double forks, from four threads that allocate at the same time: each child
# starts and is a guest again, and a child that goes on without exec asks what its parent could.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static long wrong, started;
static char *shared, *program;
static int is_right(void) {
  struct alloc_info info;
  char *p = malloc(123);
  int local;
  const int right = alloc_query(p + 100, ALLOC_NOWAIT, &info) == 0 && info.base == p && info.size == 123 &&
    alloc_query(shared + 5, ALLOC_NOWAIT, &info) == 0 && info.base == shared &&
    alloc_query(&local, ALLOC_NOWAIT, &info) == 0 && strcmp(info.allocator->name, "stackframe") == 0;
  free(p);
  return right;
}
static void ended(pid_t child) {
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&started, 1, __ATOMIC_RELAXED);
}
static void *work(void *unused) {
  char *const arguments[] = {program, "child", NULL};
  for (int i = 0; i < 10; ++i) {
    pid_t child;
    if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    else ended(child);
    child = vfork();
    if (child == 0) { free(malloc(99)); execv(program, arguments); _exit(9); }
    ended(child);
    child = fork();
    if (child == 0) _exit(!is_right());
    ended(child);
    child = fork();
    if (child == 0) { pid_t inner = fork(); int status; if (inner == 0) _exit(!is_right()); waitpid(inner, &status, 0); _exit(status != 0); }
    ended(child);
    char command[300];
    snprintf(command, sizeof command, "%s child", program);
    if (system(command) != 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    FILE *pipe = popen(command, "r");
    if (pclose(pipe) != 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
  }
  return unused;
}
int main(int argc, char **argv) {
  program = argv[0], shared = malloc(55);
  if (argc > 1) return !is_right();
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("%ld started, %ld wrong\n", started, wrong);
}
END
build a.c -O1 -pthread
preload ./a > out || fail "exit status $?"
expect out << 'END'
160 started, 0 wrong
END
