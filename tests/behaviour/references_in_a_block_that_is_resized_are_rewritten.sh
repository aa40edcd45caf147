#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thread reallocates a block with pointers without a pause, while what they point to moves: no copy keeps an old one, and moving waits for a
# moment at which the block is in one place.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/move.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A few in the middle point to the node, so that no register holds it while the rest is copied. */
#define ENTRIES 3500
#define FIRST 1000
#define POINTERS 8
struct node { long id; };
static struct node *node;
static struct node **holder;
static struct alloc_obstacle last;
static volatile int pauses, is_paused, quit;

__attribute__((noinline)) static void make(void) {
  node = calloc(1, sizeof *node);
  holder = malloc(ENTRIES * sizeof *holder);
  memset(holder, 0, ENTRIES * sizeof *holder);
  for (int i = 0; i < POINTERS; ++i) holder[FIRST + i] = node;
}
/* The type of the block is told where it is stored. */
__attribute__((noinline)) static void resize_to(size_t entries) { holder = realloc(holder, entries * sizeof *holder); }
static void *resize(void *unused) {
  void *before = NULL;
  while (!quit) {
    resize_to(2 * ENTRIES);
    void *behind = calloc(1, 64); /* so that it cannot grow where it is */
    resize_to(ENTRIES);
    free(before);
    before = behind;
    if (!pauses) continue;
    is_paused = 1;
    while (pauses) sched_yield();
    is_paused = 0;
  }
  free(before);
  return unused;
}
__attribute__((noinline)) static int is_sound(void) {
  pauses = 1;
  while (!is_paused) sched_yield();
  int right = 0;
  for (int i = 0; i < POINTERS; ++i) right += holder[FIRST + i] == node;
  pauses = 0;
  while (is_paused) sched_yield();
  return right == POINTERS;
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); }
__attribute__((noinline)) static int migrate(void) {
  struct alloc_moving moving = {.signal = SIGRTMIN, .timeout_ms = 20000};
  void *base;
  const int error = alloc_migrate(node, NULL, &moving, &base);
  last = moving.obstacle;
  return error;
}
int main(void) {
  pthread_t thread;
  int moved = 0, sound = 0, known = 0;
  make();
  pthread_create(&thread, NULL, resize, NULL);
  for (int i = 0; i < 200; ++i) {
    wipe();
    const int error = migrate();
    moved += error == 0;
    known += error == 0 || error == ALLOC_E_OBSTACLE || error == ALLOC_E_BEING_RESIZED;
    sound += is_sound();
  }
  quit = 1;
  pthread_join(thread, NULL);
  if (moved == 0) fprintf(stderr, "the last obstacle: %s at %p\n", alloc_obstacle_message(last.kind), last.at);
  printf("%s moved, %d known, %d sound\n", moved > 0 ? "some" : "none", known, sound);
  return 0;
}
EOF
build a.c -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
some moved, 200 known, 200 sound
EOF
