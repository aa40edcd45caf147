#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Threads that move blocks at the same time, each its own, take turns, and none is hindered by what the other is about to move.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/move.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LENGTH 20
struct node { long id; struct node *next, *self; };
static struct node *chain[2];
static int moved[2], sound[2];

__attribute__((noinline)) static void make(int which) {
  for (int i = 0; i < LENGTH; ++i) {
    struct node *added = calloc(1, sizeof *added);
    *added = (struct node){.id = i, .next = chain[which], .self = added};
    chain[which] = added;
  }
}
__attribute__((noinline)) static uintptr_t hidden(int which, int i) {
  const struct node *n = chain[which];
  while (i-- > 0) n = n->next;
  return ~(uintptr_t)n;
}
__attribute__((noinline)) static int is_sound(int which) {
  int id = LENGTH;
  for (const struct node *n = chain[which]; n != NULL; n = n->next) {
    if (n->self != n || n->id != --id) return 0;
  }
  return id == 0;
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); }
__attribute__((noinline)) static int migrate(uintptr_t block) {
  struct alloc_moving moving = {.signal = SIGRTMIN + 1, .timeout_ms = 20000};
  void *base;
  return alloc_migrate((void *)~block, NULL, &moving, &base);
}
static void *work(void *argument) {
  const int which = (int)(long)argument;
  make(which);
  for (int i = 0; i < 200; ++i) {
    const uintptr_t block = hidden(which, i % LENGTH);
    wipe();
    moved[which] += migrate(block) == 0;
    sound[which] += is_sound(which);
  }
  return NULL;
}
int main(void) {
  pthread_t threads[2];
  for (long i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, work, (void *)i);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("%d and %d moved, %d and %d sound\n", moved[0], moved[1], sound[0], sound[1]);
  return 0;
}
EOF
build a.c -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
200 and 200 moved, 200 and 200 sound
EOF
