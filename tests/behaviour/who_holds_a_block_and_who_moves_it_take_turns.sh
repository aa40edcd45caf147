#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thread takes hold of a block while another moves it, or makes it a pool: one of the two is refused. A child that is forked meanwhile is told of each block that is held, also of one that a
# thread was about to free.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/stop.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { rounds = 20000 };
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
static _Atomic long both, neither, first, second;
static void tell(const char *what) {
  printf("%s: both %ld, first %s, second %s\n", what, both, first != 0 ? "some" : "NEVER", second != 0 ? "some" : "NEVER");
  fprintf(stderr, "%s: both %ld, neither %ld, first %ld, second %ld\n", what, both, neither, first, second);
  both = neither = first = second = 0;
}
static long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
static void count_up(int is_first, int is_second) {
  both += is_first && is_second;
  neither += !is_first && !is_second;
  first += is_first;
  second += is_second;
}
static _Atomic long wrong;
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
/* The other thread knows the block by the complement of its address until it holds it, and comes at any moment of the move, which takes much longer than a hold. What a thread leaves on its stack may keep
 * a block from moving, so no address comes twice. */
static struct node { struct node *next; long values[5]; } *node;
static _Atomic uintptr_t hidden;
static void *hold_hidden(void *unused) {
  unsigned seed = 7;
  for (;;) {
    pthread_barrier_wait(&barrier);
    if (quit) return unused;
    seed = seed * 1103515245 + 12345;
    for (const long until = microseconds() + seed / 65536 % 600; microseconds() < until;) continue;
    hold_error = alloc_hold((void *)~hidden, count);
    pthread_barrier_wait(&barrier);
  }
}
static uintptr_t kept[rounds / 20];
static void move_blocks_with_references(void) {
  for (long i = 0; i < rounds / 20; ++i) {
    node = calloc(1, sizeof *node);
    hidden = ~(uintptr_t)node;
    pthread_barrier_wait(&barrier);
    struct alloc_moving moving = {.signal = SIGRTMIN, .timeout_ms = 20000};
    void *base = NULL;
    const int error = alloc_migrate(node, NULL, &moving, &base);
    pthread_barrier_wait(&barrier);
    const int is_held = hold_error == 0;
    count_up(error == 0, is_held);
    if (error != 0 && error != ALLOC_E_HELD && error != ALLOC_E_OBSTACLE) ++wrong;
    if (error == 0 && node != base) ++wrong;
    if (is_held && alloc_let_go((void *)~hidden, count) != 0) ++wrong;
    if (error == 0) kept[i] = ~(uintptr_t)calloc(1, sizeof *node); /* most likely the old place */
  }
}
/* Somebody takes hold of it when it has been planned and before it moves: whoever makes the new place. */
static struct node places[1];
static int is_made;
static int find_place(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)pool, (void)flags;
  if (!is_made || (const char *)at >= (const char *)(places + 1)) return ALLOC_E_NOTHING_THERE;
  out->base = places;
  out->size = sizeof places;
  return ALLOC_OK;
}
static int make_place(void *context, struct uniqtype *type, size_t number, void **base) {
  (void)context, (void)type, (void)number;
  is_made = 1;
  if (alloc_hold(node, count) != 0) ++wrong;
  *base = places;
  return ALLOC_OK;
}
static int release_place(void *context, const struct alloc_info *place) {
  (void)context, (void)place;
  is_made = 0;
  return ALLOC_OK;
}
static struct allocator keeper = {"keeper"};
static const struct alloc_protocol of_keeper = {.size = sizeof of_keeper, .find = find_place, .next = find_place, .make = make_place, .release = release_place};
static void hold_between(void) {
  if (alloc_register_allocator(&keeper, &of_keeper) != 0 || alloc_promote(places, &keeper) != 0) ++wrong;
  struct alloc_moving moving = {.signal = SIGRTMIN, .timeout_ms = 20000};
  for (int i = 0; i < 2; ++i) {
    node = calloc(1, sizeof *node);
    void *base = NULL;
    const int error = alloc_migrate(node, &keeper, i == 0 ? NULL : &moving, &base);
    printf("held between: %s, %s\n", alloc_error_message(error), is_made ? "a place is left" : "no place is left");
    if (alloc_get_size(node) != sizeof *node || alloc_let_go(node, count) != 0) ++wrong;
    if (error != 0) free(node);
  }
}
/* The moment in which a thread is stopped may be in the midst of a hold. */
static _Atomic int is_pool;
static void *hold_all_the_time(void *unused) {
  while (!quit) {
    if (alloc_hold(block, count) != 0) continue;
    if (is_pool) ++both;
    ++second;
    if (alloc_let_go(block, count) != 0) ++wrong;
  }
  return unused;
}
static void promote_while_stopped(void) {
  pthread_t thread;
  block = malloc(100);
  quit = 0;
  pthread_create(&thread, NULL, hold_all_the_time, NULL);
  for (long i = 0; i < rounds / 10; ++i) {
    if (alloc_stop_others(SIGRTMIN, 20000, NULL) != 0) ++wrong;
    const int error = alloc_promote(block, &arena);
    is_pool = error == 0;
    alloc_resume_others();
    if (error != 0 && error != ALLOC_E_HELD && error != ALLOC_E_STOPPED) ++wrong;
    if (error != 0) continue;
    ++first;
    usleep(200);
    is_pool = 0;
    if (alloc_demote(block) != 0) ++wrong;
  }
  quit = 1;
  pthread_join(thread, NULL);
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
  quit = 1;
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  quit = 0;
  pthread_create(&thread, NULL, hold_hidden, NULL);
  move_blocks_with_references(), tell("with references: moved, held");
  quit = 1;
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  hold_between();
  promote_while_stopped(), tell("while stopped: promoted, held");
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
with references: moved, held: both 0, first some, second some
held between: others hold it, and have its address, no place is left
held between: others hold it, and have its address, no place is left
while stopped: promoted, held: both 0, first some, second some
children that are not told: 0
wrong: 0
EOF
