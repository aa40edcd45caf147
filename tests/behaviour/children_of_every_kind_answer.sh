#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Children made by fork (from a process with threads), vfork, posix_spawn and system run, and a forked one answers.
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
static int status_of(pid_t child) {
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
static int named_right(void) {
  struct { int x; } *before = malloc(4 * sizeof(*before));
  int local;
  return strcmp(alloc_get_allocator(&local)->name, "stackframe") == 0 && alloc_get_size(before) == 16 &&
         alloc_get_size(environ) > 0 ? 7 : 8;
}
static void *busy(void *stop) {
  while (!*(volatile int *)stop) free(malloc(100)), alloc_get_size(stop);
  return NULL;
}
int main(void) {
  int stop = 0, wrong = 0;
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, busy, &stop);
  for (int i = 0; i < 200; ++i) {
    pid_t child = fork();
    if (child == 0) _exit(named_right());
    wrong += status_of(child) != 7;
  }
  for (int i = 0; i < 20; ++i) {
    pid_t child = vfork();
    if (child == 0) execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL), _exit(9);
    wrong += status_of(child) != 5;
    char *arguments[] = {"sh", "-c", "exit 6", NULL};
    wrong += posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) != 0 || status_of(child) != 6;
  }
  wrong += WEXITSTATUS(system("exit 4")) != 4;
  stop = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("%d %d\n", wrong, named_right());
}
END
build a.c -pthread
preload ./a > out || fail "exit status $?"
expect out << 'END'
0 7
END
