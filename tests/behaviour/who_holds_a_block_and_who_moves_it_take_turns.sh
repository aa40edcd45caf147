#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thread takes hold of a block while another moves it, or makes it a pool: one of the two is refused. A child that is forked meanwhile is told of each block that is held, also of one that a
# thread was about to free.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long rounds = 20000;
static pthread_barrier_t barrier;
static _Atomic(long *) block;
static _Atomic int hold_error, quit;
static struct alloc_holder *count;
static void *hold(void *unused) {
  unsigned seed = 1;
  for (;;) {
    pthread_barrier_wait(&barrier);
    if (quit) return unused;
    seed = seed * 1103515245 + 12345;
    for (volatile unsigned i = 0; i < seed / 65536 % 4000; ++i) continue;
    hold_error = alloc_hold(block, count);
    pthread_barrier_wait(&barrier);
  }
}
static int find(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)pool, (void)at, (void)flags, (void)out;
  return ALLOC_E_NOTHING_THERE;
}
static struct allocator arena = {"arena"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = find};
static long both, neither, first, second;
static void tell(const char *what) {
  printf("%s: both %ld, first %s, second %s\n", what, both, first != 0 ? "some" : "NEVER", second != 0 ? "some" : "NEVER");
  fprintf(stderr, "%s: both %ld, neither %ld, first %ld, second %ld\n", what, both, neither, first, second);
  both = neither = first = second = 0;
}
static void count_up(int is_first, int is_second) {
  both += is_first && is_second, neither += !is_first && !is_second, first += is_first, second += is_second;
}
static long wrong;
static void move_blocks(void) {
  for (long i = 0; i < rounds; ++i) {
    block = malloc(100 + i % 900);
    pthread_barrier_wait(&barrier);
    long *const before = block;
    void *base = NULL;
    const int error = alloc_migrate(before, NULL, NULL, &base);
    pthread_barrier_wait(&barrier);
    const int is_held = hold_error == 0;
    count_up(error == 0, is_held);
    if (error != 0 && error != ALLOC_E_HELD) ++wrong;
    if (is_held && (alloc_get_size(before) != (size_t)(100 + i % 900) || alloc_let_go(before, count) != 0)) ++wrong;
    free(error == 0 ? base : before);
  }
}
static void move_blocks_with_references(void) {
  for (long i = 0; i < rounds / 20; ++i) {
    block = NULL;
    long *fresh = malloc(8 * (20 + i % 40));
    block = fresh;
    pthread_barrier_wait(&barrier);
    /* Something refers to it that is not to be rewritten, so it never moves; or nothing tells of the other thread, so it does not move either. What counts is that nobody waits for ever. */
    struct alloc_moving moving = {.signal = SIGRTMIN, .timeout_ms = 20000};
    void *base = NULL;
    const int error = alloc_migrate(fresh, NULL, &moving, &base);
    pthread_barrier_wait(&barrier);
    const int is_held = hold_error == 0;
    count_up(error == 0, is_held);
    if (error != 0 && error != ALLOC_E_HELD && error != ALLOC_E_OBSTACLE) ++wrong;
    if (is_held && error != 0 && alloc_let_go(fresh, count) != 0) ++wrong;
    free(error == 0 ? base : fresh);
  }
}
static void promote_blocks(void) {
  for (long i = 0; i < rounds; ++i) {
    block = malloc(100);
    pthread_barrier_wait(&barrier);
    long *const pool = block;
    for (volatile unsigned k = 0; k < (unsigned)i % 2000; ++k) continue;
    const int error = alloc_promote(pool, &arena);
    pthread_barrier_wait(&barrier);
    count_up(error == 0, hold_error == 0);
    if (error != 0 && error != ALLOC_E_HELD) ++wrong;
    if (hold_error != 0 && hold_error != ALLOC_E_HAS_CHILDREN) ++wrong;
    if (hold_error == 0 && alloc_let_go(pool, count) != 0) ++wrong;
    if (error == 0 && alloc_demote(pool) != 0) ++wrong;
    free(pool);
  }
}

/* ---- forks ---- */

enum { HELD = 64 };
static _Atomic(long *) held[HELD];
static void *hold_and_free(void *unused) {
  for (unsigned i = 0; !quit; i = (i + 1) % HELD) {
    long *const now = malloc(40);
    if (alloc_hold(now, count) != 0) ++wrong;
    held[i] = now;
    free(now); /* it stays */
    held[i] = NULL;
    if (alloc_let_go(now, count) != 0) ++wrong;
  }
  return unused;
}
static void fork_children(void) {
  pthread_t threads[2];
  long untold = 0, children = rounds / 20;
  quit = 0;
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, hold_and_free, NULL);
  for (long n = 0; n < children; ++n) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      int bad = 0;
      for (int i = 0; i < HELD; ++i) {
        struct alloc_info info;
        if (held[i] == NULL || !(alloc_query(held[i], ALLOC_NOWAIT, &info) == ALLOC_E_BEING_RESIZED)) continue;
        bad = 1;
      }
      /* And the table is sound. */
      long *own = malloc(40);
      if (alloc_hold(own, count) != 0 || (free(own), alloc_get_size(own) != 40) || alloc_let_go(own, count) != 0 || alloc_get_size(own) == 40) bad = 2;
      _exit(bad);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) ++untold, fprintf(stderr, "child: %x\n", (unsigned)status);
  }
  quit = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("children that are not told: %ld\n", untold);
}

int main(void) {
  pthread_t thread;
  count = alloc_counted_holder();
  if (alloc_register_allocator(&arena, &protocol) != 0) return 1;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, hold, NULL);
  move_blocks(), tell("moved, held");
  promote_blocks(), tell("promoted, held");
  move_blocks_with_references();
  printf("with references: both %ld\n", both);
  quit = 1;
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  fork_children();
  printf("wrong: %ld\n", wrong);
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
moved, held: both 0, first some, second some
promoted, held: both 0, first some, second some
with references: both 0
children that are not told: 0
wrong: 0
EOF
