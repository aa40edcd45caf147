#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One thread moves blocks while another stops all others again and again, without a pause: neither fails. What is forked meanwhile has the signal's own action.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNAL (SIGRTMIN + 2)
struct node { long id; struct node *self; };
static struct node *node;
static volatile int quit;
static int moves, moved, stops, stopped;

__attribute__((noinline)) static void make(void) { node = calloc(1, sizeof *node), node->self = node; }
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); __asm__ volatile("" : : "r"(dead) : "memory"); }
__attribute__((noinline)) static int migrate(void) {
  struct alloc_moving moving = {.signal = SIGNAL, .timeout_ms = 20000};
  void *base;
  return alloc_migrate(node, NULL, &moving, &base);
}
static void *resize(void *unused) { /* so that moving waits for a moment at which no block is in two places */
  while (!quit) free(realloc(malloc(30), 30000));
  return unused;
}
static void *stop(void *unused) {
  for (; !quit; ++stops) stopped += alloc_stop_others(SIGNAL, 20000, NULL) == 0 && alloc_resume_others() == 0;
  return unused;
}
/* In a child: is the action its own, and has the signal its effect? */
static int is_clean(int raw) {
  const pid_t child = raw ? (pid_t)syscall(SYS_fork) : fork();
  if (child == 0) {
    struct sigaction now;
    sigaction(SIGNAL, NULL, &now);
    if (!raw && now.sa_handler != SIG_DFL) _exit(1);
    kill(getpid(), SIGNAL);
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGNAL;
}
int main(void) {
  pthread_t threads[2];
  make();
  pthread_create(&threads[0], NULL, stop, NULL), pthread_create(&threads[1], NULL, resize, NULL);
  int known = 0;
  for (; moves < 100; ++moves) {
    wipe();
    const int error = migrate();
    moved += error == 0;
    known += (error == 0 || error == ALLOC_E_OBSTACLE || error == ALLOC_E_BEING_RESIZED) && node->self == node;
    if (!(error == 0 || error == ALLOC_E_OBSTACLE || error == ALLOC_E_BEING_RESIZED)) fprintf(stderr, "%d\n", error);
  }
  int clean[2] = {0};
  for (int i = 0; i < 100; ++i) clean[0] += is_clean(0), clean[1] += is_clean(1);
  quit = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  alloc_stop_others(SIGNAL, 20000, NULL);
  const int last[2] = {is_clean(0), is_clean(1)};
  alloc_resume_others();
  printf("%s moved, %d known; %s; forked %d %d, by who stops %d %d\n", moved > 0 ? "some" : "none", known, stops == stopped && stops > 0 ? "all stops" : "stops fail", clean[0], clean[1], last[0], last[1]);
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror
allocs meta build ./a > made
timeout 40 env LD_PRELOAD="$PRELOAD" ./a > out || fail "exit status $?"
expect out <<'EOF'
some moved, 100 known; all stops; forked 100 100, by who stops 1 1
EOF
