// SPDX-License-Identifier: Apache-2.0
// usage: scale blocks|mappings|threads|objects COUNT [LIBRARY]     Makes so many, asks about some of them at random, and prints
// "RESIDENT_KIB NS_TO_MAKE_ONE NS_TO_ASK WRONG". LIBRARY is copied for each object.
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long count;
static const char* library;
static char** items;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static long resident(void) {
  long size, pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &size, &pages) != 2) exit(3);
  fclose(file);
  return pages * 4;
}
static pthread_barrier_t all_there;
static void* stay(void* item) {
  char local = 0;
  *(char**)item = &local;
  pthread_barrier_wait(&all_there);
  for (;;) pause();
  return NULL;
}
static void make_blocks(void) {
  for (long i = 0; i < count; ++i) items[i] = malloc(48);
}
static void make_mappings(void) {
  char* all = mmap(NULL, (size_t)count * 8192, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0; i < count; ++i) {
    items[i] = all + i * 8192;
    if (i % 2 == 0 && mprotect(items[i], 4096, PROT_READ) != 0) exit(3);
  }
}
static void make_threads(void) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 1 << 16);
  pthread_barrier_init(&all_there, NULL, (unsigned)count + 1);
  for (long i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &small, stay, &items[i]) != 0) exit(3);
  }
  pthread_barrier_wait(&all_there);
}
static void make_objects(void) {
  for (long i = 0; i < count; ++i) {
    char name[64];
    snprintf(name, sizeof name, "./scale_copy_%ld.so", i);
    FILE *from = fopen(library, "rb"), *to = fopen(name, "wb");
    if (from == NULL || to == NULL) exit(3);
    char bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;) fwrite(bytes, 1, n, to);
    fclose(from), fclose(to);
    void* handle = dlopen(name, RTLD_NOW);
    unlink(name);
    if (handle == NULL) exit(3);
    items[i] = dlsym(handle, "malloc");
  }
}
int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* kind = argv[1];
  count = atol(argv[2]), library = argv[argc - 1];
  items = calloc((size_t)count, sizeof *items);
  if (count == 0 || items == NULL) return 2;
  memset(items, 1, (size_t)count * sizeof *items);
  const long before = resident();
  const long long start = now();
  if (*kind == 'b')
    make_blocks();
  else if (*kind == 'm')
    make_mappings();
  else if (*kind == 't')
    make_threads();
  else
    make_objects();
  const long long made = now();
  struct alloc_info info;
  alloc_query(items[0], 0, &info);
  const long after = resident();
  long wrong = 0, asked = 0;
  unsigned long long x = 88172645463325252ull;
  // Most batches are disturbed by something: the quickest counts.
  long long quickest = 1LL << 60;
  for (int batch = 0; batch < 20; ++batch) {
    const long long begin = now();
    for (int i = 0; i < 1000; ++i, ++asked) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      char* at = items[x % (unsigned long long)count];
      const int error = alloc_query(at, 0, &info);
      wrong += error != 0 ||
               (*kind == 'b' ? info.base != at || info.size != 48 : info.base > (const void*)at);
    }
    const long long took = (now() - begin) / 1000;
    if (took < quickest) quickest = took;
  }
  printf("%ld %lld %lld %ld\n", after - before, (made - start) / count, quickest, wrong);
  fflush(stdout);
  _exit(0);
}
