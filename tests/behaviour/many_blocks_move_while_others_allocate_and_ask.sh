#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All nodes of a graph move at once, again and again, while other threads allocate, free, map and ask about the nodes: each move is whole or has not been, and what is asked about
# is told as what it was before or is after.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <allocs/walk.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { N = 24, MOVES = 120 };
struct node { long id; struct node *next, *self; long filler[5]; };
static struct node *chain;
/* Addresses as nobody takes them for one, and as they were at `turn`, which is odd while they change. */
static _Atomic uintptr_t secret[N];
static _Atomic unsigned turn;
static _Atomic long asked, certain, wrong;
static _Atomic int quit;
static struct alloc_move moves[N];
static struct alloc_moving moving;
static unsigned pick(unsigned *seed, unsigned n) { return (*seed = *seed * 1103515245 + 12345) / 65536 % n; }
static void complain(const char *what, int error) { if (wrong++ < 10) fprintf(stderr, "%s: %d\n", what, error); }

__attribute__((noinline)) static void make(void) {
  for (int i = 0; i < N; ++i) {
    struct node *added = calloc(1, sizeof *added);
    *added = (struct node){.id = i, .next = chain, .self = added, .filler = {i, i, i, i, i}};
    chain = added;
    secret[i] = ~(uintptr_t)added;
  }
}
__attribute__((noinline)) static int is_sound(void) {
  int id = N;
  for (const struct node *n = chain; n != NULL; n = n->next) {
    if (n->self != n || n->id != --id || (uintptr_t)n != ~secret[id]) return 0;
    for (int k = 0; k < 5; ++k) if (n->filler[k] != id) return 0;
  }
  return id == 0;
}
/* The stack below, and what the C library has left in registers of vectors, some of which only its own functions use. */
__attribute__((noinline)) static void wipe(void) {
  static char zeros[60000];
  volatile char dead[60000];
  memset((char *)dead, 0, sizeof dead);
  for (size_t size = 16; size < sizeof dead; size *= 3) memcpy((char *)dead, zeros, size), memmove((char *)dead, (char *)dead + 1, size - 1), turn += memcmp((char *)dead, zeros, size) != 0;
  __asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\tpxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\tpxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\t"
                   "pxor %%xmm8, %%xmm8\n\tpxor %%xmm9, %%xmm9\n\tpxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\tpxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\tpxor %%xmm14, %%xmm14\n\tpxor %%xmm15, %%xmm15"
                   ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}
__attribute__((noinline)) static int move_all(void) {
  size_t failed;
  for (int i = 0; i < N; ++i) moves[i] = (struct alloc_move){.obj = (void *)~secret[i]};
  wipe();
  turn++;
  const int error = alloc_migrate_all(moves, N, &moving, &failed);
  for (int i = 0; i < N && error == 0; ++i) secret[i] = ~(uintptr_t)moves[i].base;
  turn++;
  memset(moves, 0, sizeof moves);
  return error;
}

static void *allocate(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  char *own[32] = {0};
  while (!quit) {
    const unsigned i = pick(&seed, 32);
    const size_t size = 1 + pick(&seed, 3000);
    switch (pick(&seed, 4)) {
      /* Memory of nodes that have moved has old addresses in it, and would be an obstacle. */
      case 0: own[i] = memset(realloc(own[i], size), 0, size); break;
      case 1: free(own[i]), own[i] = NULL; break;
      default: free(own[i]), own[i] = calloc(1, sizeof(struct node));
    }
    if (pick(&seed, 16) == 0) { void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sched_yield(); munmap(page, 4096); }
  }
  for (int i = 0; i < 32; ++i) free(own[i]);
  return NULL;
}
static int count_block(const struct alloc_info *block, void *context) { return (void)block, ++*(int *)context > 100; }
/* By functions of its own, so that the address is nowhere when it is over. */
__attribute__((noinline)) static void ask_one(unsigned *seed, int i) {
  struct alloc_info info;
  char text[200];
  int count = 0;
  const unsigned before = turn;
  const char *at = (const char *)~secret[i] + pick(seed, sizeof(struct node));
  const int error = alloc_query(at, pick(seed, 2) ? ALLOC_NOWAIT : 0, &info);
  const unsigned after = turn;
  asked++;
  if (error == 0 && ((const char *)info.base > at || (const char *)info.base + info.size <= at)) complain("not around it", 0);
  if (before == after && before % 2 == 0 && error == 0) {
    certain++;
    if (info.base != (const void *)~secret[i] && before == turn) complain("another base", i);
    if (before == turn && info.size != sizeof(struct node)) complain("another size", i);
  }
  if (before == after && before % 2 == 0 && error != 0 && error != ALLOC_E_BEING_RESIZED && error != ALLOC_E_NOT_YET) complain("not told", error);
  switch (pick(seed, 60)) {
    case 0: alloc_walk_blocks(0, count_block, &count); break;
    case 1: alloc_describe(at, text, sizeof text); break;
    case 2: alloc_format_path(at, 0, text, sizeof text); break;
    default: break;
  }
}
static void *ask(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  while (!quit) {
    for (int k = 0; k < 20; ++k) ask_one(&seed, (int)pick(&seed, N));
    wipe();
    usleep(300);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  make();
  moving = (struct alloc_moving){.signal = SIGRTMIN + 2, .timeout_ms = 20000};
  for (long i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, allocate, (void *)(i + 1)), pthread_create(&threads[2 + i], NULL, ask, (void *)(i + 5));
  int moved = 0, refused = 0;
  for (int i = 0; i < MOVES; ++i) {
    const int error = move_all();
    if (error == 0) ++moved;
    else if (error == ALLOC_E_OBSTACLE || error == ALLOC_E_BEING_RESIZED) ++refused, fprintf(stderr, "%d: %s at %p, thread %d\n", error, alloc_obstacle_message(moving.obstacle.kind), moving.obstacle.at, moving.obstacle.thread);
    else complain("move", error);
    if (!is_sound()) complain("graph", i);
    usleep(1000);
  }
  quit = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  fprintf(stderr, "%d moved, %d refused, %ld asked, %ld of what stayed\n", moved, refused, asked, certain);
  printf("%ld wrong, %s moved, %s certain\n", wrong, moved > 0 ? "some" : "none", certain > 100 ? "many" : "few");
  return 0;
}
EOF
build a.c -pthread -Wall -Werror -fno-builtin
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 wrong, some moved, many certain
EOF
