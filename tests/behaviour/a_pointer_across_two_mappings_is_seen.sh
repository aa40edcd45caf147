#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A pointer whose first bytes lie at the end of one mapping and whose last at the beginning of the next keeps what it refers to, and lets it not be moved.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { kPage = 4096 };
static char *pages; /* two mappings, since their protections differ */
static uintptr_t secret;
static void put(int before, const void *what) {
  mprotect(pages, 2 * kPage, PROT_READ | PROT_WRITE);
  memset(pages + kPage - 16, 0, 32);
  memcpy(pages + kPage - before, &what, sizeof what);
  mprotect(pages + kPage, kPage, PROT_READ);
}
__attribute__((noinline)) static void make(int before) {
  long *block = malloc(5 * sizeof *block);
  memset(block, 0, 40);
  if (alloc_hold(block, alloc_reachability_holder()) != 0) exit(3);
  free(block);
  secret = ~(uintptr_t)block;
  put(before, (char *)block + 8);
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[60000]; memset((char *)dead, 0, sizeof dead); }
__attribute__((noinline)) static int is_alive(void) { return alloc_get_size((void *)~secret) == 40; }
static int collect(void) {
  struct alloc_collection collection = {0};
  wipe();
  return alloc_collect(&collection);
}
static long *volatile movable; /* so that no register keeps it */
int main(void) {
  pages = mmap(NULL, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int before = 0; before <= 8; ++before) {
    make(before);
    const int error = collect();
    printf("%d: %d, alive %d", before, error, is_alive());
    put(0, NULL);
    collect();
    printf(", then %d\n", is_alive());
  }
  movable = malloc(5 * sizeof *movable);
  for (int before = 2; before <= 6; before += 2) {
    struct alloc_moving moving = {.signal = 0};
    void *base = NULL;
    put(before, movable);
    wipe();
    const int error = alloc_migrate(movable, NULL, &moving, &base);
    printf("%d: %s, %s, there: %d\n", before, alloc_error_message(error), alloc_obstacle_message(moving.obstacle.kind), moving.obstacle.at == pages + kPage - before);
  }
  return 0;
}
EOF
build a.c -O1 -Wall -Werror -fno-builtin
preload ./a > out || fail "exit status $?"
{
  for before in 0 1 2 3 4 5 6 7 8; do echo "$before: 0, alive 1, then 0"; done
  for before in 2 4 6; do echo "$before: something may refer to it that cannot be rewritten, or cannot be looked into, nothing tells what lies there, there: 1"; done
} > wanted
expect out < wanted
