#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Threads hold, let go, free, resize and ask about the same blocks, while others fork and collect: each block goes exactly once, when the last has let go, and is told of until then.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, BLOCKS = 64, ROUNDS = 300 };
static struct alloc_holder *mine[THREADS], *count;
static _Atomic(long *) blocks[BLOCKS];
static atomic_long wrong, went, asked, untold;
static pthread_barrier_t barrier;
static void gone(void *context, void *block, size_t size) {
  (void)context;
  if (size < 64 || ((long *)block)[0] != 4711) wrong++;
  ((long *)block)[0] = 0;
  went++;
}
static unsigned pick(unsigned *seed, unsigned n) { return (*seed = *seed * 1103515245 + 12345) / 65536 % n; }

/* All threads hold each block, and let go of it in an order of their own; one of them frees it at some time in between, another resizes it. */
static void *work(void *which) {
  const int t = (int)(long)which;
  unsigned seed = (unsigned)t + 1;
  for (int round = 0; round < ROUNDS; ++round) {
    for (int i = t; i < BLOCKS; i += THREADS) {
      long *block = malloc(64 + 8 * pick(&seed, 30));
      block[0] = 4711;
      for (int k = 0; k < THREADS; ++k) if (alloc_hold(block, mine[k]) != 0) wrong++;
      for (int k = 0; k < THREADS; ++k) if (alloc_hold(block, count) != 0) wrong++;
      blocks[i] = block;
    }
    pthread_barrier_wait(&barrier);
    const unsigned first = pick(&seed, BLOCKS);
    for (unsigned n = 0; n < BLOCKS; ++n) {
      const unsigned i = (first + n) % BLOCKS;
      long *block = blocks[i];
      if ((int)i % THREADS == t) {
        if (realloc(block, 60) != block || realloc(block, 64) != block) wrong++;
        free(block);
      }
      for (int k = 0; k < 3; ++k) {
        if (alloc_hold(block, count) != 0 || alloc_let_go(block, count) != 0) wrong++;
        if (block[0] != 4711) wrong++;
        struct alloc_info info;
        const int error = alloc_query((char *)block + 20, ALLOC_NOWAIT, &info);
        asked++;
        if (error == ALLOC_E_BEING_RESIZED) untold++;
        else if (error != 0 || info.base != block) wrong++;
      }
      if (alloc_let_go(block, mine[t]) != 0) wrong++;
      if (alloc_let_go(block, count) != 0) wrong++;
    }
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}
/* Children have the table as it was at some moment. */
static atomic_int quit;
static void in_child(void) {
  long *block = malloc(100);
  block[0] = 4711;
  int bad = alloc_hold(block, count) != 0;
  free(block);
  bad |= alloc_get_size(block) != 100 || alloc_let_go(block, count) != 0 || alloc_get_size(block) == 100;
  _exit(bad ? 1 : 0);
}
static void *fork_children(void *unused) {
  long bad = 0;
  while (!quit) {
    const pid_t child = fork();
    if (child == 0) alarm(20), in_child();
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) bad++, fprintf(stderr, "child: %x\n", (unsigned)status);
    usleep(3000);
  }
  return (void)unused, (void *)bad;
}
static void *collect(void *unused) {
  long bad = 0;
  struct alloc_collection collection = {.signal = SIGRTMIN, .timeout_ms = 20000};
  while (!quit) {
    long *block = malloc(200);
    if (alloc_hold(block, alloc_reachability_holder()) != 0) bad++;
    free(block);
    block = NULL;
    if (alloc_collect(&collection) != 0) bad++;
    usleep(3000);
  }
  return (void)unused, (void *)bad;
}

int main(int argc, char **argv) {
  static char names[THREADS][8];
  (void)argv;
  count = alloc_counted_holder();
  for (int t = 0; t < THREADS; ++t) {
    sprintf(names[t], "t%d", t);
    struct alloc_policy policy = {.size = sizeof policy, .name = names[t], .gone = t == 0 ? gone : NULL};
    if (alloc_register_holder(&policy, &mine[t]) != 0) return 1;
  }
  pthread_barrier_init(&barrier, NULL, THREADS);
  pthread_t threads[THREADS], forker, collector;
  for (long t = 0; t < THREADS; ++t) pthread_create(&threads[t], NULL, work, (void *)t);
  pthread_create(&forker, NULL, fork_children, NULL);
  if (argc == 1) pthread_create(&collector, NULL, collect, NULL);
  for (int t = 0; t < THREADS; ++t) pthread_join(threads[t], NULL);
  quit = 1;
  void *bad_children, *bad_collections = NULL;
  pthread_join(forker, &bad_children);
  if (argc == 1) pthread_join(collector, &bad_collections);
  printf("%ld wrong, %s went once, children %ld, collections %ld, %s told\n", wrong, went == BLOCKS * ROUNDS ? "each" : "NOT each", (long)bad_children, (long)bad_collections, untold * 100 <= asked ? "nearly all" : "too few");
  printf("freed twice %lu\n", (unsigned long)alloc_count_excess_frees());
  return 0;
}
EOF
build a.c -pthread -O2 -Wall -Werror -fno-builtin
MALLOC_PERTURB_=165 preload ./a > out || fail "exit status $?"
cat > wanted <<'EOF'
0 wrong, each went once, children 0, collections 0, nearly all told
freed twice 0
EOF
expect out < wanted
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a alone > out || fail "over $malloc: exit status $?"
  expect out < wanted
done
