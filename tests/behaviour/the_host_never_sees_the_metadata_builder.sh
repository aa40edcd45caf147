#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# While metadata is made, the program gets no SIGCHLD, has no child to wait for, and no other thread.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int signals;
static void handler(int signal) { signals += signal == SIGCHLD; }
struct thing { int a, b; } thing;
int main(void) {
  for (int i = 1; i < 32; ++i) signal(i, handler);
  const int had = waitpid(-1, NULL, WNOHANG);
  printf("%s\n", uniqtype_name(alloc_get_type(&thing)));
  const int has = waitpid(-1, NULL, WNOHANG);
  printf("%d %d %s\n", had, has, errno == ECHILD ? "no child" : "a child");
  sleep(1);
  printf("%d signals %d\n", signals, waitpid(-1, NULL, WNOHANG | __WALL));
}
END
build a.c
XDG_CACHE_HOME=$PWD/empty preload ./a > out
expect out << 'END'
thing
-1 -1 no child
0 signals -1
END
