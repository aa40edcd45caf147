#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Garbage in cycles is made, linked, dropped and collected while other threads allocate, free, resize and ask: what is reachable stays as it is, what went is told as gone, and in the end nearly all garbage went.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <allocs/walk.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAKERS = 2, ROOTS = 50, RINGS = 400, COLLECTIONS = 60 };
struct node { uintptr_t id, check; struct node *next, *ring; };
static uintptr_t check_of(uintptr_t id) { return id * 0x9E3779B97F4A7C15ul + 1; }
static struct node *_Atomic roots[MAKERS][ROOTS];
static struct alloc_holder *mine;
static _Atomic long wrong, made, went, asked, told;
static _Atomic int quit, is_over;
static unsigned pick(unsigned *seed, unsigned n) { return (*seed = *seed * 1103515245 + 12345) / 65536 % n; }
static void complain(const char *what, long number) { if (wrong++ < 10) fprintf(stderr, "%s: %ld\n", what, number); }
static void gone(void *context, void *block, size_t size) {
  struct node *n = block;
  (void)context;
  if (size != sizeof *n || n->check != check_of(n->id)) complain("not a node that goes", (long)size);
  n->check = 0;
  went++;
}
/* A ring of three, of which one is the root's. */
__attribute__((noinline)) static void make_ring(struct node *_Atomic *root, unsigned *seed) {
  struct node *three[3];
  for (int i = 0; i < 3; ++i) {
    three[i] = malloc(sizeof *three[i]);
    three[i]->id = (uintptr_t)made++, three[i]->check = check_of(three[i]->id);
    three[i]->next = three[i]->ring = NULL;
    const int error = alloc_hold(three[i], mine);
    if (error != 0) complain("hold", error);
    free(three[i]);
  }
  for (int i = 0; i < 3; ++i) three[i]->next = three[(i + 1) % 3];
  three[pick(seed, 3)]->ring = *root == NULL || pick(seed, 2) ? NULL : (*root)->next;
  *root = three[0];
}
__attribute__((noinline)) static void look(struct node *_Atomic *root) {
  const struct node *n = *root;
  for (int i = 0; n != NULL && i < 9; ++i) {
    if (n->check != check_of(n->id)) { complain("a reachable node has gone", (long)n->id); return; }
    n = n->ring != NULL && i % 4 == 3 ? n->ring : n->next;
  }
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[60000]; memset((char *)dead, 0, sizeof dead); }
static void *make_garbage(void *which) {
  const long own = (long)which;
  unsigned seed = (unsigned)own + 1;
  while (!quit) {
    make_ring(&roots[own][pick(&seed, ROOTS)], &seed);
    for (int i = 0; i < 5; ++i) look(&roots[own][pick(&seed, ROOTS)]);
    if (pick(&seed, 8) == 0) roots[own][pick(&seed, ROOTS)] = NULL;
    if (made > (went + RINGS * 3) * 2) usleep(1000);
  }
  for (int i = 0; i < ROOTS; ++i) roots[own][i] = NULL;
  wipe();
  while (!is_over) usleep(1000);
  return NULL;
}
static void *allocate(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  char *own[32] = {0};
  while (!quit) {
    const unsigned i = pick(&seed, 32);
    switch (pick(&seed, 3)) {
      case 0: own[i] = realloc(own[i], 1 + pick(&seed, 300)); break;
      case 1: free(own[i]), own[i] = NULL; break;
      default: free(own[i]), own[i] = malloc(sizeof(struct node)), memset(own[i], 0x11, sizeof(struct node));
    }
  }
  for (int i = 0; i < 32; ++i) free(own[i]);
  return NULL;
}
static int count_block(const struct alloc_info *block, void *context) { return (void)block, ++*(int *)context > 200; }
__attribute__((noinline)) static void ask_one(unsigned *seed) {
  struct node *const n = roots[pick(seed, MAKERS)][pick(seed, ROOTS)];
  struct alloc_info info;
  struct alloc_held_by holders[4];
  int count = 0;
  if (n == NULL) return;
  asked++;
  /* The asker's own variable keeps it. */
  const char *at = (const char *)n + pick(seed, sizeof *n);
  const int error = alloc_query(at, pick(seed, 2) ? ALLOC_NOWAIT : 0, &info);
  if (error == 0) {
    told++;
    if (info.base != (const void *)n || info.size != sizeof *n) complain("another block", (long)info.size);
  } else if (error != ALLOC_E_BEING_RESIZED) complain("not told", error);
  if (n->check != check_of(n->id)) complain("gone under its asker", (long)n->id);
  const int held = alloc_get_holders(n, holders, 4);
  if (held != 1 && held != ALLOC_E_BEING_RESIZED && held != ALLOC_E_NOT_YET) complain("holders", held);
  if (pick(seed, 300) == 0) alloc_walk_blocks(0, count_block, &count);
  __asm__ volatile("" : : "r"(n) : "memory");
}
static void *ask(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  while (!quit) {
    for (int k = 0; k < 30; ++k) ask_one(&seed);
    wipe();
    usleep(200);
  }
  return NULL;
}

int main(void) {
  struct alloc_policy policy = {.size = sizeof policy, .name = "rings", .kind = ALLOC_HOLDS_WHILE_REACHABLE, .gone = gone};
  if (alloc_register_holder(&policy, &mine) != 0) return 1;
  pthread_t threads[6];
  for (long i = 0; i < 2; ++i) {
    pthread_create(&threads[i], NULL, make_garbage, (void *)i);
    pthread_create(&threads[2 + i], NULL, allocate, (void *)(i + 1));
    pthread_create(&threads[4 + i], NULL, ask, (void *)(i + 5));
  }
  struct alloc_collection collection = {.signal = SIGRTMIN + 1, .timeout_ms = 20000};
  for (int i = 0; i < COLLECTIONS; ++i) {
    const long before = went;
    const int error = alloc_collect(&collection);
    if (error != 0) complain("collect", error);
    if ((long)collection.freed != went - before) complain("counted", (long)collection.freed);
    usleep(3000);
  }
  quit = 1;
  for (int i = 2; i < 6; ++i) pthread_join(threads[i], NULL);
  usleep(20000);
  for (int i = 0; i < 3; ++i) wipe(), alloc_collect(&collection);
  fprintf(stderr, "%ld made, %ld went, %ld asked, %ld told\n", made, went, asked, told);
  printf("%ld wrong, %s went, %s told\n", wrong, went * 10 >= made * 9 ? "nearly all" : "too few", told > 1000 ? "many" : "few");
  is_over = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
allocs meta build ./a > made
MALLOC_PERTURB_=165 preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 wrong, nearly all went, many told
EOF
