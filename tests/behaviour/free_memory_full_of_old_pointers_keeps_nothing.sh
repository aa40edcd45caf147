#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What free memory of glibc's malloc still holds keeps nothing alive, and looking through it takes time by its size, however many chunks lie one behind the other there; what lies between them and is
# in use, past the hooks too, keeps what it refers to. Heaps by chance, of one thread and of several, with each of malloc's lists.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { CANDIDATES = 8000, CHUNKS = 8000, THREADS = 3 };
extern void *__libc_malloc(size_t);
/* Addresses are kept in a way that nobody takes for one. */
static uintptr_t secret[CANDIDATES];
static char is_needed[CANDIDATES];
static unsigned long seed;
static unsigned pick(unsigned n) { return (unsigned)((seed = seed * 6364136223846793005ul + 1442695040888963407ul) >> 33) % n; }
static void **uses[3 * CHUNKS]; /* that are live: malloc's own, and past it */
static size_t count;

__attribute__((noinline)) static void make_candidates(void) {
  for (int i = 0; i < CANDIDATES; ++i) {
    void *block = malloc(40 + pick(20));
    memset(block, 0, 40);
    if (alloc_hold(block, alloc_reachability_holder()) != 0) exit(3);
    secret[i] = ~(uintptr_t)block;
    free(block);
  }
}
static void fill(void **words, size_t size, int stays) {
  for (size_t i = 0; i < size / sizeof *words; ++i) {
    const unsigned which = pick(CANDIDATES);
    words[i] = stays && i != 0 ? NULL : (void *)~secret[which];
    if (stays && i == 0) is_needed[which] = 1;
  }
}
/* `mixed`: of the chunks some stay; else all go, and lie one behind the other where no block is indexed. */
__attribute__((noinline)) static void make_garbage(int mixed, size_t least, size_t more) {
  void ***old = mmap(NULL, CHUNKS * sizeof *old, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t frees = 0;
  for (int i = 0; i < CHUNKS; ++i) {
    const size_t size = least + (more == 0 ? 0 : pick((unsigned)more));
    const int kind = mixed ? (int)pick(4) : 0;
    void **words = kind == 2 ? __libc_malloc(size) : malloc(size);
    fill(words, size, kind == 1 || kind == 2);
    if (kind == 1 || kind == 2) uses[__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED)] = words;
    else old[frees++] = words;
  }
  for (size_t i = 0; i < frees; ++i) free(old[i]);
  munmap(old, CHUNKS * sizeof *old);
}
static volatile int quit, ready;
static size_t arg_least, arg_more;
static int arg_mixed;
static void *in_thread(void *turn) {
  while (ready != (int)(long)turn) sched_yield();
  make_garbage(arg_mixed, arg_least, arg_more);
  volatile char dead[60000];
  memset((char *)dead, 0, sizeof dead);
  ++ready;
  while (!quit) sched_yield();
  return NULL;
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[60000]; memset((char *)dead, 0, sizeof dead); }
static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS];
  if (argc < 6) return 2;
  const int in_threads = atoi(argv[2]);
  seed = strtoul(argv[1], NULL, 10), arg_mixed = atoi(argv[3]), arg_least = strtoul(argv[4], NULL, 10), arg_more = strtoul(argv[5], NULL, 10);
  make_candidates();
  if (in_threads) {
    for (long i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, in_thread, (void *)i);
    while (ready != THREADS) sched_yield();
  } else {
    make_garbage(arg_mixed, arg_least, arg_more);
  }
  wipe();
  struct alloc_collection collection = {.signal = in_threads ? SIGRTMIN : 0, .timeout_ms = 20000};
  const double before = seconds();
  const int error = alloc_collect(&collection);
  const double spent = seconds() - before;
  quit = 1;
  for (int i = 0; in_threads && i < THREADS; ++i) pthread_join(threads[i], NULL);
  int needed = 0, lost = 0, kept = 0;
  for (int i = 0; i < CANDIDATES; ++i) {
    const int is_alive = alloc_get_base((void *)~secret[i]) == (void *)~secret[i];
    needed += is_needed[i], lost += is_needed[i] && !is_alive, kept += !is_needed[i] && is_alive;
  }
  /* A few by chance: in registers, behind the end of what is used of a chunk. */
  printf("%d: %d lost, %s kept, %s gone, %s\n", error, lost, kept * 100 <= CANDIDATES ? "few" : "MANY", collection.freed == (uint64_t)(CANDIDATES - needed - kept) ? "the others" : "NOT the others",
         spent < 6 ? "in time" : "TOO LATE");
  fprintf(stderr, "%s %s %s %s %s: %d needed, %d kept, %lu freed, %.2f s\n", argv[1], argv[2], argv[3], argv[4], argv[5], needed, kept, (unsigned long)collection.freed, spent);
  return count == 0 && arg_mixed;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
run() {
  preload ./a "$@" > out || fail "exit status $?"
  expect out <<'EOF'
0: 0 lost, few kept, the others gone, in time
EOF
}
#   seed threads mixed sizes
run 1    0       0     100 0     # small chunks, which are not put together: one behind the other
run 2    1       0     100 0
run 3    0       1     24 200
run 4    1       1     24 200
run 5    0       1     900 2000
run 6    1       1     900 2000
run 7    0       0     1100 0    # all of it goes to the end of the heap
GLIBC_TUNABLES=glibc.malloc.tcache_count=0 run 8 0 0 100 0
GLIBC_TUNABLES=glibc.malloc.tcache_count=0 run 9 1 1 24 200
GLIBC_TUNABLES=glibc.malloc.tcache_count=500 run 10 1 1 24 200
GLIBC_TUNABLES=glibc.malloc.mxfast=0 run 11 0 1 24 200
GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1024 run 12 1 1 900 300
