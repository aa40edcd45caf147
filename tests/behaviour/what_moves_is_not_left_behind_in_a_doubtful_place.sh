#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block does not move while its address lies where a type says "number", or nothing at all, and somebody goes on from it: in the registers that a context keeps, behind a header that is told as
# an array of headers, in what this library was given. And a thread that was created and did not run yet has no stack: small numbers are nowhere.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

struct node { long id; struct node *self; };
struct table { long count; }; /* and as many pointers behind it */
static struct node *node;
static struct table *table;
static ucontext_t context;
static jmp_buf buffer;
static struct alloc_holder *holder;

__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); __asm__ volatile("" : : "r"(dead) : "memory"); }
__attribute__((noinline)) static void make(void) { node = calloc(1, sizeof *node), node->self = node; }
__attribute__((noinline)) static void keep_in_context(void) { context.uc_mcontext.gregs[REG_RBX] = (long long)node; }
__attribute__((noinline)) static void keep_in_jmp_buf(void) { memcpy((char *)buffer, &node, sizeof node); }
__attribute__((noinline)) static void keep_behind_header(void) {
  table = malloc(sizeof(struct table) + 4 * sizeof(struct node *));
  table->count = 4;
  for (int i = 0; i < 4; ++i) ((struct node **)(table + 1))[i] = node;
}
static void gone(void *of, void *block, size_t size) { (void)of, (void)block, (void)size; }
__attribute__((noinline)) static void give(void) {
  const struct alloc_policy policy = {.size = sizeof policy, .name = "mine", .kind = ALLOC_HOLDS_COUNTED, .gone = gone, .context = node};
  alloc_register_holder(&policy, &holder);
}
__attribute__((noinline)) static int migrate(struct alloc_moving *moving, void **base) { return alloc_migrate(node, NULL, moving, base); }
static void move(const char *what) {
  struct alloc_moving moving = {.signal = 0};
  void *base = NULL;
  wipe();
  const int error = migrate(&moving, &base);
  printf("%s: %s, %s%s\n", what, error == 0 ? "moved" : "refused", alloc_obstacle_message(moving.obstacle.kind), error == 0 && node->self != node ? ", and left behind" : "");
}
static void *run(void *unused) { return unused; }

int main(void) {
  alloc_get_type(&node), alloc_get_type(stdout);
  make();
  keep_in_context(), move("in a context"), memset(&context, 0, sizeof context);
  keep_in_jmp_buf(), move("in a jmp_buf"), memset(buffer, 0, sizeof buffer);
  keep_behind_header(), move("behind a header"), free(table);
  give(), move("given to a holder");
  int stacks = 0;
  for (int i = 0; i < 200; ++i) {
    pthread_t thread;
    struct alloc_info info;
    pthread_create(&thread, NULL, run, NULL);
    stacks += alloc_query((void *)8, 0, &info) != ALLOC_E_NOTHING_THERE;
    pthread_join(thread, NULL);
  }
  printf("told of small numbers: %d\n", stacks);
  return 0;
}
EOF
for level in -O0 -O2; do
  gcc -g $level -Wall -Wextra -Werror -I"$ALLOCS_PREFIX/include" -o a a.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
  ALLOCS_META=wait preload ./a > out || fail "$level: exit status $?"
  expect out << 'EOF'
in a context: refused, a register holds its address
in a jmp_buf: refused, a register holds its address
behind a header: refused, that it is no pointer is a guess
given to a holder: refused, this library was given it to keep
told of small numbers: 0
EOF
done
