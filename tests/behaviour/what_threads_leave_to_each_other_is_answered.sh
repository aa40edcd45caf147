#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks that another thread resizes or frees than the one that made them, blocks left after malloc_trim, and everything after the first thread has
# left by pthread_exit are answered as what they are.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
struct pair { long a, b; };
enum { kBlocks = 3000 };
static struct pair *blocks[kBlocks];
static long variable[7] = {1};
static long *local_of_main;
static pthread_t first;
static long wrong;
static void is(const char *where, const void *at, const char *allocator, size_t size, unsigned flags) {
  struct alloc_info info;
  const int error = alloc_query(at, flags, &info);
  const char *name = error == ALLOC_E_NOTHING_THERE ? "nothing" : error != 0 ? "cannot tell" : info.allocator->name;
  if (strcmp(name, allocator) == 0 && (size == 0 || info.size == size)) return;
  if (++wrong < 10) printf("%s: %s is %s %zu, error %d\n", where, allocator, name, info.size, error);
}
static size_t size_of(int i) { return sizeof(struct pair) * (1 + i % 300); }
static void *make(void *unused) {
  for (int i = 0; i < kBlocks; ++i) blocks[i] = malloc(sizeof(struct pair) * (1 + i % 300));
  return unused;
}
static void *resize(void *unused) {
  for (int i = 0; i < kBlocks; ++i) blocks[i] = realloc(blocks[i], sizeof(struct pair) * (1 + i % 300) + sizeof(struct pair) * (i % 5 * 100));
  return unused;
}
static void *give_back(void *unused) {
  for (int i = 0; i < kBlocks; i += 2) free(blocks[i]);
  return unused;
}
static void in_thread(void *(*what)(void *)) {
  pthread_t thread;
  pthread_create(&thread, NULL, what, NULL), pthread_join(thread, NULL);
}
static void check(const char *where, int is_resized, int step) {
  for (int i = step - 1; i < kBlocks; i += step)
    for (unsigned flags = 0; flags < 2; ++flags)
      is(where, &blocks[i]->b, "__default_lib_malloc", size_of(i) + (is_resized ? sizeof(struct pair) * (i % 5 * 100) : 0), flags);
}
static void *last(void *unused) {
  pthread_join(first, NULL);
  long local[3] = {1};
  struct alloc_info info;
  for (unsigned flags = 0; flags < 2; ++flags) {
    struct pair *block = malloc(2 * sizeof *block);
    is("last", block + 1, "__default_lib_malloc", 32, flags), is("last", variable + 1, "static", sizeof variable, flags), is("last", local + 1, "stackframe", 0, flags);
    free(block);
    // What was a frame of the first thread is none any more.
    if (alloc_query(local_of_main, flags, &info) == 0 && strcmp(info.allocator->name, "stackframe") == 0) ++wrong, printf("the left stack has a frame\n");
  }
  check("last", 1, 2);
  printf("%s, %ld wrong\n", uniqtype_name(alloc_get_type(blocks[1])), wrong);
  return unused;
}
int main(void) {
  long local[3] = {1};
  local_of_main = local;
  in_thread(make), check("made", 0, 1);
  printf("%s, %ld wrong\n", uniqtype_name(alloc_get_type(blocks[1])), wrong);
  in_thread(resize), check("resized", 1, 1);
  printf("%s, %ld wrong\n", uniqtype_name(alloc_get_type(blocks[1])), wrong);
  in_thread(give_back), check("given back", 1, 2);
  malloc_trim(0), check("trimmed", 1, 2);
  char *top = malloc(400000), *large = malloc(100000);
  free(top), malloc_trim(0);
  is("trimmed", large + 5, "__default_lib_malloc", 100000, 0);
  free(large), malloc_trim(0);
  struct alloc_info info;
  if (alloc_query(large + 5, 0, &info) == 0 && strcmp(info.allocator->name, "__default_lib_malloc") == 0) ++wrong;
  in_thread(make), check("made again", 0, 1);
  in_thread(resize);
  first = pthread_self();
  pthread_t thread;
  pthread_create(&thread, NULL, last, NULL);
  pthread_exit(NULL);
}
END
build a.c -O1 -pthread
preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
__ARR0_pair, 0 wrong
__ARR0_pair, 0 wrong
__ARR0_pair, 0 wrong
END
