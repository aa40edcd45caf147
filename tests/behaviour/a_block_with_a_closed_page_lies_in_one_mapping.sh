#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block or a stack of which the program has closed a page (mprotect) is one allocation, which lies wholly in one mapping.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF2'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void climb(const char *what, const void *obj) {
  struct alloc_info info, parent;
  int error = alloc_query(obj, 0, &info);
  printf("%s:", what);
  for (; error == 0; info = parent) {
    printf(" %s", info.allocator->name);
    error = alloc_get_parent(&info, 0, &parent);
    if (error != 0 || parent.allocator == NULL) break;
    if (info.base < parent.base || (const char *)info.base + info.size > (const char *)parent.base + parent.size) printf(" BEYOND");
  }
  printf("%s\n", error == 0 ? "" : alloc_error_message(error));
}
static char *page_in(void *block) { return (char *)(((size_t)block + 8192) & ~(size_t)4095); }

static pthread_barrier_t barrier;
static char *volatile of_thread;
static void *thread(void *unused) {
  char room[65536];
  memset(room, 1, sizeof room);
  of_thread = page_in(room);
  mprotect(of_thread, 4096, PROT_NONE);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  mprotect(of_thread, 4096, PROT_READ | PROT_WRITE);
  return unused;
}

int main(void) {
  char *small = malloc(100000), *large = malloc(1 << 20), *three = malloc(1 << 20);
  void *base;
  struct alloc_info mapping;
  pthread_t other;
  mprotect(page_in(small), 4096, PROT_NONE);
  mprotect(page_in(large), 4096, PROT_NONE);
  for (int i = 0; i < 3; ++i) mprotect(page_in(three) + i * 40960, 4096, PROT_READ);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&other, NULL, thread, NULL);
  pthread_barrier_wait(&barrier);
  climb("in the break area", small);
  climb("in its closed page", page_in(small));
  climb("behind that", page_in(small) + 4096);
  climb("a mapping of its own", large + 1000000);
  climb("closed in three places", three + 60000);
  climb("a stack", of_thread);
  alloc_query(large, 0, &mapping);
  alloc_get_parent(&mapping, 0, &mapping);
  printf("its mapping: %d %d\n", alloc_get_protocol(mapping.allocator)->release(NULL, &mapping), alloc_get_protocol(mapping.allocator)->resize(NULL, &mapping, 4096, 0, &base));
  pthread_barrier_wait(&barrier);
  pthread_join(other, NULL);
  return 0;
}
EOF2
build a.c -pthread -Wall -Werror
preload ./a > out
expect out <<'EOF2'
in the break area: __default_lib_malloc brk mmap
in its closed page: __default_lib_malloc brk mmap
behind that: __default_lib_malloc brk mmap
a mapping of its own: __default_lib_malloc mmap
closed in three places: __default_lib_malloc mmap
a stack: stack mmap
its mapping: -20 -20
EOF2
