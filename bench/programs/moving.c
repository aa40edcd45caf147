// SPDX-License-Identifier: Apache-2.0
// What it costs to stop the other threads, and to move a small block to which one reference leads: medians of 41.
//
//   P=build/release; cc -g -O1 -pthread -I$P/include -o moving bench/programs/moving.c -L$P/lib -Wl,-rpath,$P/lib -lallocs
//   $P/bin/allocs meta build ./moving; LD_PRELOAD=$P/lib/liballocs_preload.so ./moving THREADS MEBIBYTES
//
// THREADS others sleep; so much other memory has been written to.
#define _GNU_SOURCE
#include <allocs/move.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMES 41
struct node {
  struct node* next;
  long number;
};
static struct node* root;

static void* sleep_on(void* unused) {
  for (;;) pause();
  return unused;
}
static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}
static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}
// Functions of their own, and a clean stack, so that no copy of the address is an obstacle.
__attribute__((noinline)) static void make(void) { root = calloc(1, sizeof *root); }
__attribute__((noinline)) static void wipe(void) {
  volatile char dead[30000];
  memset((char*)dead, 0, sizeof dead);
}
__attribute__((noinline)) static int migrate(struct alloc_moving* moving) {
  void* base;
  return alloc_migrate(root, NULL, moving, &base);
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  const size_t words = (argc > 2 ? (size_t)atoi(argv[2]) : 0) << 17;
  pthread_t thread;
  for (int i = 0; i < threads; ++i) pthread_create(&thread, NULL, sleep_on, NULL);
  long* other = malloc(words * sizeof *other + 1);
  for (size_t i = 0; i < words; ++i) other[i] = (long)i;
  make();
  struct alloc_moving moving = {.signal = SIGRTMIN};
  double stop[TIMES], move[TIMES];
  int error = 0;
  for (int i = 0; i < TIMES; ++i) {
    const double before = now_us();
    error |= alloc_stop_others(SIGRTMIN, 0, NULL);
    error |= alloc_resume_others();
    stop[i] = now_us() - before;
  }
  for (int i = 0; i < TIMES; ++i) {
    wipe();
    const double before = now_us();
    error |= migrate(&moving);
    move[i] = now_us() - before;
  }
  qsort(stop, TIMES, sizeof *stop, compare);
  qsort(move, TIMES, sizeof *move, compare);
  printf("%d threads, %zu MiB: stop and resume %.0f us, move %.0f us%s\n", threads, words >> 17,
         stop[TIMES / 2], move[TIMES / 2], error != 0 ? ", REFUSED" : "");
  fflush(stdout);
  _exit(error != 0);
}
