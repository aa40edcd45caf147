// SPDX-License-Identifier: Apache-2.0
// usage: malloc_pair hot|ring|passed|big|big_untouched|live THREADS COUNT     Prints CPU nanoseconds per pair of malloc and free.
//
// hot   frees each block at once           ring  2000 live blocks of 16 to 527 bytes a thread, a random one replaced each time
// passed  as ring, but the 2000 live blocks are all threads' together: most are freed by another thread than made them
// big   256 KiB, 1 MiB and 4 MiB in turn, one byte of each page written; big_untouched: none
// live  COUNT blocks of 16 to 143 bytes, all alive at the end (for resident memory)
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kRing = 2000 };
static long g_count;

static inline void use(void* block) { __asm__ volatile("" : : "r"(block) : "memory"); }

static inline uint64_t next_random(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void* hot(void* unused) {
  for (long i = 0; i < g_count; i++) {
    char* block = malloc(32);
    use(block);
    free(block);
  }
  return unused;
}

static void* ring(void* unused) {
  uint64_t random = 88172645463325252u;
  void* blocks[kRing] = {0};
  for (long i = 0; i < g_count; i++) {
    const uint64_t value = next_random(&random);
    void** slot = &blocks[(value >> 32) % kRing];
    free(*slot);
    *slot = malloc(16 + (value & 511));
    use(*slot);
  }
  for (int i = 0; i < kRing; i++) free(blocks[i]);
  return unused;
}

static void* g_shared[kRing];

static void* passed(void* unused) {
  uint64_t random = (uint64_t)(uintptr_t)&random * 88172645463325253u | 1;
  for (long i = 0; i < g_count; i++) {
    const uint64_t value = next_random(&random);
    void* mine = malloc(16 + (value & 511));
    use(mine);
    free(__atomic_exchange_n(&g_shared[(value >> 32) % kRing], mine, __ATOMIC_ACQ_REL));
  }
  return unused;
}

static inline void big_ones(int is_touched) {
  static const size_t sizes[] = {256 << 10, 1 << 20, 4 << 20};
  for (long i = 0; i < g_count; i++) {
    const size_t size = sizes[i % 3];
    char* block = malloc(size);
    for (size_t at = 0; is_touched && at < size; at += 4096) block[at] = 1;
    use(block);
    free(block);
  }
}

static void* big(void* unused) {
  big_ones(1);
  return unused;
}

static void* big_untouched(void* unused) {
  big_ones(0);
  return unused;
}

static void* live(void* unused) {
  uint64_t random = 88172645463325252u;
  for (long i = 0; i < g_count; i++) {
    const size_t size = 16 + (next_random(&random) & 127);
    use(memset(malloc(size), 1, size));
  }
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const char* kinds[] = {"hot", "ring", "passed", "big", "big_untouched", "live"};
  void* (*const bodies[])(void*) = {hot, ring, passed, big, big_untouched, live};
  void* (*body)(void*) = NULL;
  for (int i = 0; i < 6; i++) {
    if (strcmp(argv[1], kinds[i]) == 0) body = bodies[i];
  }
  const int threads = atoi(argv[2]);
  g_count = atol(argv[3]);
  if (body == NULL || threads < 1 || threads > 16) return 2;

  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  pthread_t others[16];
  for (int i = 1; i < threads; i++) pthread_create(&others[i], NULL, body, NULL);
  body(NULL);
  for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  const double ns =
      (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
  printf("%.3f\n", ns / ((double)g_count * threads));
  return 0;
}
