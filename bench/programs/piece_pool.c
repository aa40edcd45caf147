// SPDX-License-Identifier: Apache-2.0
// usage: piece_pool KIND TIMES     Hands out and takes back pieces, TIMES pairs; prints ns of processor time a pair.
//
//   list      the barest pool there can be: one size, a list of what is free
//   classes   sizes in classes of 16 bytes, a list each, counts, a lock
//   live      classes, with 1000 pieces of 16 to 256 bytes alive, taken back in the order of their making
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kChunk = 1 << 18, kClasses = 32, kLive = 1000 };

struct link {
  struct link* next;
};

static struct link* g_list;
void* list_get(size_t size);
void list_put(void* piece);

void* list_get(size_t size) {
  struct link* piece = g_list;
  if (piece == NULL) {
    char* chunk = malloc(kChunk);
    if (chunk == NULL) return NULL;
    for (size_t at = 0; at + size <= kChunk; at += size) {
      ((struct link*)(chunk + at))->next = g_list;
      g_list = (struct link*)(chunk + at);
    }
    piece = g_list;
  }
  g_list = piece->next;
  return piece;
}

void list_put(void* piece) {
  ((struct link*)piece)->next = g_list;
  g_list = piece;
}

static struct pool {
  pthread_mutex_t lock;
  struct link* free[kClasses];
  size_t made, live, bytes, most;
  char *chunk, *end;
} g_pool = {.lock = PTHREAD_MUTEX_INITIALIZER};
void* pool_get(size_t size);
void pool_put(size_t size, void* piece);

void* pool_get(size_t size) {
  const size_t class = (size + 15) / 16;
  if (class >= kClasses) return NULL;
  pthread_mutex_lock(&g_pool.lock);
  struct link* piece = g_pool.free[class];
  if (piece != NULL) {
    g_pool.free[class] = piece->next;
  } else {
    if ((size_t)(g_pool.end - g_pool.chunk) < class * 16) {
      g_pool.chunk = malloc(kChunk);
      if (g_pool.chunk == NULL) abort();
      g_pool.end = g_pool.chunk + kChunk;
    }
    piece = (struct link*)g_pool.chunk;
    g_pool.chunk += class * 16;
    ++g_pool.made;
  }
  ++g_pool.live;
  g_pool.bytes += class * 16;
  if (g_pool.bytes > g_pool.most) g_pool.most = g_pool.bytes;
  pthread_mutex_unlock(&g_pool.lock);
  return piece;
}

void pool_put(size_t size, void* piece) {
  const size_t class = (size + 15) / 16;
  if (piece == NULL || class >= kClasses) return;
  pthread_mutex_lock(&g_pool.lock);
  ((struct link*)piece)->next = g_pool.free[class];
  g_pool.free[class] = piece;
  --g_pool.live;
  g_pool.bytes -= class * 16;
  pthread_mutex_unlock(&g_pool.lock);
}

// Through pointers, as a call from another unit: undeclared functions of one file would be inlined.
static void* (*volatile g_list_get)(size_t) = list_get;
static void (*volatile g_list_put)(void*) = list_put;
static void* (*volatile g_get)(size_t) = pool_get;
static void (*volatile g_put)(size_t, void*) = pool_put;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long times = atol(argv[2]);
  static void* live[kLive];
  static size_t sizes[kLive];
  const double begin = seconds();
  if (strcmp(argv[1], "list") == 0) {
    for (long i = 0; i < times; ++i) g_list_put(g_list_get(48));
  } else if (strcmp(argv[1], "classes") == 0) {
    for (long i = 0; i < times; ++i) g_put(48, g_get(48));
  } else {
    uint32_t random = 1;
    for (long i = 0; i < times; ++i) {
      const size_t slot = (size_t)i % kLive;
      if (live[slot] != NULL) g_put(sizes[slot], live[slot]);
      random = random * 1664525 + 1013904223;
      sizes[slot] = 16 + (random >> 16) % 241;
      live[slot] = g_get(sizes[slot]);
    }
  }
  printf("%.3f\n", (seconds() - begin) * 1e9 / (double)times);
  return 0;
}
