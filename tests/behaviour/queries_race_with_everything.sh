#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four threads change what is there (blocks of malloc, also freed by another; mappings; libraries; threads), a fifth forks, and three ask about it:
# no fault, and while what is asked about stays, the answer is exactly what it is. The children ask too. The test ends
# after a number of questions, not after a time; ALLOCS_TEST_SIZE=all asks 50 times as many.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
// One thing at a time lives in a slot; `turn` is odd while it changes. Who sees the same even turn before and after a query saw it all along.
struct slot { _Atomic unsigned turn; char *_Atomic base; _Atomic size_t size; const char *_Atomic kind; };
enum { kSlots = 64, kOwn = kSlots / 4 };
static struct slot slots[kSlots];
static _Atomic long asked, certain, wrong;
static _Atomic int stop;
static long wanted = 150000;

static void publish(struct slot *s, void *base, size_t size, const char *kind) { s->base = base, s->size = size, s->kind = kind, ++s->turn; }
static void withdraw(struct slot *s) { ++s->turn; }

static void complain(const struct slot *s, const struct alloc_info *info, const char *at) {
  if (++wrong < 10) fprintf(stderr, "%p in %s %p %zu: %s %p %zu error %d\n", at, s->kind, s->base, s->size,
    info->allocator ? info->allocator->name : "-", info->base, info->size, info->error);
}
static void ask(unsigned *x) {
  *x = *x * 1664525 + 1013904223;
  struct slot *s = &slots[*x >> 26];
  const unsigned turn = s->turn, flags = (*x >> 20 & 3) == 0 ? 0 : ALLOC_NOWAIT;
  char *const base = s->base;
  const size_t size = s->size;
  const char *kind = s->kind;
  if (base == NULL) return;
  const char *at = base + (size == 0 ? 0 : (*x >> 3) % size);
  struct alloc_info info;
  memset(&info, 0, sizeof info);
  const int error = alloc_query(at, flags, &info);
  ++asked;
  if ((*x >> 12 & 255) == 0) { char text[100]; alloc_describe(at, text, sizeof text), (void)alloc_get_type(at); }
  if (error == 0 && (info.base > (const void *)at || (info.size != 0 && (const char *)info.base + info.size <= at))) complain(s, &info, at);
  if ((turn & 1) == 0 || s->turn != turn) return;
  ++certain;
  // Before the symbols of a library were read, what is known is the file.
  if (error == 0 && flags == ALLOC_NOWAIT && strcmp(kind, "static") == 0 && strcmp(info.allocator->name, "static-file") == 0) return;
  if (error == ALLOC_E_NOT_YET && (strcmp(kind, "mmap") == 0 || strcmp(kind, "static") == 0)) return;
  if (error == ALLOC_E_BEING_RESIZED && strcmp(kind, "__default_lib_malloc") == 0) return;  // a slot of the flux table serves any block
  if (error != 0 || info.allocator == NULL || strcmp(info.allocator->name, kind) != 0) complain(s, &info, at);
  else if (strcmp(kind, "stack") != 0 && (info.base != base || info.size != size)) complain(s, &info, at);
}

static void *give_back(void *block) { free(block); return NULL; }
static void *heap(void *first) {
  struct slot *mine = first;
  for (unsigned x = 1; !stop;) {
    x = x * 1664525 + 1013904223;
    struct slot *s = &mine[x >> 28];
    char *old = s->base;
    size_t size = (x >> 8 & 15) == 0 ? 200000 + (x >> 9) % 400000 : (x >> 9) % 2000;
    if (s->turn & 1) withdraw(s);  // now even
    char *p = NULL;
    switch (x >> 5 & 7) {
      case 0: p = realloc(old, size + 1), size += 1; break;
      case 1: free(old), p = aligned_alloc(256, 256 * (1 + size / 256)), size = 256 * (1 + size / 256); break;
      case 2: free(old), p = calloc(1, size); break;
      case 3: if (x >> 20 & 15) { free(old); } else { pthread_t t; pthread_create(&t, NULL, give_back, old), pthread_join(t, NULL); } p = malloc(size); break;
      default: free(old), p = malloc(size);
    }
    publish(s, p, size, "__default_lib_malloc");
  }
  return NULL;
}
static void *maps(void *first) {
  for (unsigned x = 7; !stop;) {
    x = x * 1664525 + 1013904223;
    struct slot *s = (struct slot *)first + (x >> 28);
    if (s->turn & 1) { withdraw(s), munmap(s->base - 4096, s->size + 8192); }
    const size_t size = 4096 * (1 + (x >> 8) % 20);
    char *p = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p + 4096, size, PROT_READ);  // a mapping of its own, whoever the neighbours are
    publish(s, p + 4096, size, "mmap");
  }
  return NULL;
}
static void *libraries(void *first) {
  char names[kOwn / 4][16];
  for (int i = 0; i < kOwn / 4; ++i) snprintf(names[i], sizeof names[i], "./p%d.so", i);
  void *handles[kOwn / 4] = {0};
  for (unsigned i = 0; !stop; ++i) {
    struct slot *s = (struct slot *)first + i % (kOwn / 4);
    void **handle = &handles[i % (kOwn / 4)];
    if (s->turn & 1) withdraw(s), dlclose(*handle);
    *handle = dlopen(names[i % (kOwn / 4)], RTLD_NOW);
    publish(s, dlsym(*handle, "plugin"), 4000, "static");
  }
  return NULL;
}
static void *short_life(void *slot) {
  char local[600];
  memset(local, 0, sizeof local);
  __asm__ volatile("" ::"r"(local) : "memory");
  struct alloc_info info;
  if (alloc_query(local, 0, &info) != 0 || strcmp(info.allocator->name, "stackframe") != 0) complain(slot, &info, local);
  publish(slot, local, sizeof local, "stack");
  for (int i = 0; i < 200; ++i) sched_yield();
  withdraw(slot);
  return NULL;
}
static void *threads(void *first) {
  for (unsigned i = 0; !stop; ++i) {
    pthread_t t;
    pthread_create(&t, NULL, short_life, (struct slot *)first + i % kOwn);
    pthread_join(t, NULL);
  }
  return NULL;
}
static void *forks(void *unused) {
  while (!stop) {
    pid_t child = fork();
    if (child == 0) {
      unsigned x = getpid();
      wrong = 0;
      for (int i = 0; i < 300; ++i) ask(&x), free(malloc(i * 10));
      _exit(wrong != 0);
    }
    int status;
    if (waitpid(child, &status, 0) == child && status != 0 && ++wrong < 10) fprintf(stderr, "a child ended with %#x\n", status);
    usleep(2000);
  }
  return unused;
}
static void *asker(void *seed) {
  unsigned x = (unsigned)(long)seed;
  while (asked < wanted) ask(&x);
  return NULL;
}
int main(int argc, char **argv) {
  if (argc > 1) wanted *= atoi(argv[1]);
  void *(*const kChangers[])(void *) = {heap, maps, libraries, threads};
  pthread_t changers[5], askers[3];
  for (int i = 0; i < 4; ++i) pthread_create(&changers[i], NULL, kChangers[i], slots + i * kOwn);
  pthread_create(&changers[4], NULL, forks, NULL);
  for (long i = 0; i < 3; ++i) pthread_create(&askers[i], NULL, asker, (void *)(i * 77 + 1));
  for (int i = 0; i < 3; ++i) pthread_join(askers[i], NULL);
  stop = 1;
  for (int i = 0; i < 5; ++i) pthread_join(changers[i], NULL);
  fprintf(stderr, "%ld asked, %ld of what stayed\n", (long)asked, (long)certain);
  printf("%d, %ld wrong\n", certain > asked / 100, (long)wrong);
}
END
for i in 0 1 2 3; do
  echo "char before$i[100 + 4096 * $i] = {1}; char plugin[4000] = {1}; int f(void) { return plugin[3]; }" > p.c
  $CC -g -shared -fPIC -o p$i.so p.c
done
build a.c -O1 -pthread -ldl
[ "${ALLOCS_TEST_SIZE:-}" = all ] && times=50 || times=1
preload ./a $times > out || fail "exit status $?"
expect out << 'END'
1, 0 wrong
END
