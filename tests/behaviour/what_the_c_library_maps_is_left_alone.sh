#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Malloc's heaps, stacks that are kept for the next thread, and what else the C library maps for itself are neither freed, resized, moved nor made pools: also not through
# pointers to what is gone. What the program maps itself is, unless nothing tells the two apart.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096, kStack = 256 * 1024 };
static int find(void *context, const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *child) {
  (void)context, (void)parent, (void)at, (void)flags, (void)child;
  return ALLOC_E_NOTHING_THERE;
}
static struct allocator mine = {.name = "mine"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = find};
static struct { char bytes[kPage]; } page;

static void try(const char *what, void *at) {
  void *base;
  struct alloc_info info;
  struct alloc_moving moving = {0};
  const int error = alloc_query(at, 0, &info);
  printf("%s: %s,", what, error == 0 ? info.allocator->name : alloc_error_message(error));
  printf(" promote %d", alloc_promote(at, &mine));
  printf(" sequence %d", alloc_make_sequence(at, alloc_string_family()));
  printf(" resize %d", alloc_resize(at, 16, ALLOC_MAY_MOVE, &base));
  printf(" move %d", alloc_migrate(at, &__default_lib_malloc_allocator, NULL, &base));
  printf(" move with references %d", alloc_migrate(at, &__default_lib_malloc_allocator, &moving, &base));
  printf(" free %d\n", alloc_free(at));
}
/* Not beside anything that the kernel would not tell from it. */
static char *map(size_t size) {
  char *at = mmap(NULL, size + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(at + kPage, size, PROT_READ | PROT_WRITE);
  return at + kPage;
}

static void *in_arena(void *unused) {
  char *gone = malloc(16), *heap = (char *)((size_t)gone & -(size_t)(64 << 20));
  free(gone);
  try("heap of a thread", gone);
  try("where it may grow", heap + (32 << 20));
  char *kept = malloc(16);
  try("heap in use", kept + 5000);
  memset(malloc(50000), 1, 50000), memset(kept, 1, 16);
  return unused;
}
static void *in_stack(void *local) {
  *(void **)local = &local;
  return NULL;
}
static void *wait(void *barrier) {
  pthread_barrier_wait(barrier);
  pthread_barrier_wait(barrier);
  return NULL;
}

static void use_stacks(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes), pthread_attr_setstacksize(&attributes, kStack);
  char *at;
  pthread_create(&thread, &attributes, in_stack, &at), pthread_join(thread, NULL);
  struct alloc_info info;
  alloc_query(at, 0, &info);
  char *const begin = (char *)(size_t)info.base;
  try("stack of an ended thread", at);
  try("its guard", begin - 1);
  /* The kernel does not tell the stack from what lies above it. */
  char *const above = begin + info.size;
  if (mmap(above, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == above) try("right above it", above), munmap(above, kPage);
  else puts("right above it: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19");
  pthread_create(&thread, &attributes, in_stack, &at), pthread_join(thread, NULL);
  printf("the next thread runs %s\n", at > begin && at < above ? "there" : "elsewhere");
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, &attributes, wait, &barrier);
  pthread_barrier_wait(&barrier);
  pthread_getattr_np(thread, &attributes);
  void *stack;
  size_t size;
  pthread_attr_getstack(&attributes, &stack, &size);
  const int error = alloc_free((char *)stack - 1);
  printf("guard of a running thread: %d\n", error);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
}

static void tell_own(const char *what) {
  char *own = map(4 * kPage), *moved;
  memset(own, 1, 4 * kPage);
  const int promoted = alloc_promote(own, &mine), demoted = alloc_demote(own);
  printf("%s: %d %d", what, promoted, demoted);
  printf(" %d", alloc_resize(own, 2 * kPage, 0, (void **)&moved));
  printf(" %d\n", alloc_free(own));
}
static void tell_new(const char *what) {
  void *made;
  printf("%s: %d", what, alloc_new(&__mmap_allocator, alloc_get_type(&page), 2, &made));
  printf(" %d", alloc_resize(made, 3 * kPage, ALLOC_MAY_MOVE, &made));
  printf(" %d\n", alloc_free(made));
}

int main(int argc, char **argv) {
  (void)argv;
  setvbuf(stdout, NULL, _IONBF, 0);
  alloc_register_allocator(&mine, &protocol);
  if (argc > 1) {
    tell_own("own, beside an unknown malloc"), tell_new("made by alloc_new");
    return 0;
  }
  pthread_t thread;
  pthread_create(&thread, NULL, in_arena, NULL), pthread_join(thread, NULL);
  use_stacks();
  tell_own("own"), tell_new("made by alloc_new");
  /* When the break cannot move, the first arena maps memory that looks like anybody's. */
  char *const end = sbrk(0);
  mmap(end, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  char *blocks[40];
  for (int i = 0; i < 40; ++i) blocks[i] = malloc(10000);
  for (int i = 0; i < 40; ++i) free(blocks[i]);
  try("heap beside the break", blocks[39]);
  tell_own("own, beside such a heap"), tell_new("made by alloc_new");
  memset(malloc(10000), 1, 10000);
  puts("alive");
  return 0;
}
END
build a.c -pthread -Wall -Wextra -Werror -Wno-use-after-free -Wno-free-nonheap-object
preload ./a > out || fail "exit status $?: $(cat out)"
expect out <<'END'
heap of a thread: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
where it may grow: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
heap in use: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
stack of an ended thread: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
its guard: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
right above it: mmap, promote -19 sequence -19 resize -19 move -19 move with references -19 free -19
the next thread runs there
guard of a running thread: -19
own: 0 0 0 0
made by alloc_new: 0 0 0
heap beside the break: mmap, promote -23 sequence -23 resize -23 move -23 move with references -23 free -23
own, beside such a heap: -23 -1 -23 -23
made by alloc_new: 0 0 0
alive
END
# A program that has not called malloc has no arena that could be told.
cat > b.c <<'END'
#include <allocs/allocator.h>
#include <sys/mman.h>
int main(void) {
  char *at = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(at + 4096, 4096, PROT_READ | PROT_WRITE);
  return -alloc_free(at + 4096);
}
END
build b.c
preload ./b || fail "without a call of malloc: $?"

libraries=/usr/lib/$(uname -m)-linux-gnu
for malloc in libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
  [ -e "$libraries/$malloc" ] || continue
  LD_PRELOAD="$PRELOAD $libraries/$malloc" ./a other > out || fail "$malloc: exit status $?"
  expect out << 'END'
own, beside an unknown malloc: -23 -1 -23 -23
made by alloc_new: 0 0 0
END
done
