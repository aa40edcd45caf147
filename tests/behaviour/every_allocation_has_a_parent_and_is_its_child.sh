#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From an address of each kind the parents lead to the root, each parent lists the child, and allocators say what they can.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static int numbers[4] = {1};
static __thread long mine;
static const char *const text = "a literal";

static int same(const struct alloc_info *a, const struct alloc_info *b) {
  return a->allocator == b->allocator && a->base == b->base && a->size == b->size;
}
/* Does the parent list it, in order? */
static int is_listed(const struct alloc_info *child, const struct alloc_info *parent) {
  struct alloc_cursor cursor;
  struct alloc_info each;
  const void *last = NULL;
  int found = 0, result;
  alloc_begin_children(parent, 0, &cursor);
  while ((result = alloc_next_child(&cursor, &each)) == 1) {
    if (each.base < last) return 0;
    last = each.base;
    if (each.depth != child->depth) return 0;
    found |= same(&each, child);
  }
  return found && result == 0 && alloc_next_child(&cursor, &each) == 0;
}
static void climb(const char *what, const void *obj) {
  struct alloc_info info, parent, child;
  struct alloc_traits traits;
  int error = alloc_query(obj, 0, &info);
  printf("%s:", what);
  for (int first = 1; error == 0; first = 0) {
    if (alloc_get_traits(&info, &traits) != 0 || traits.alignment == 0 || (size_t)info.base % traits.alignment != 0) printf(" UNALIGNED");
    printf(" %s", info.allocator->name);
    error = alloc_get_parent(&info, 0, &parent);
    if (error != 0) break;
    info.depth = parent.allocator == NULL ? 0 : parent.depth + 1;
    if (alloc_get_child(&parent, first ? obj : info.base, 0, &child) != 0 || !same(&child, &info)) printf(" LOST");
    if (!is_listed(&info, &parent)) printf(" UNLISTED");
    if (parent.allocator == NULL) break;
    info = parent;
  }
  printf("%s\n", error == 0 ? "" : alloc_error_message(error));
}
static void traits(const char *what, const void *obj) {
  struct alloc_info info;
  struct alloc_traits traits;
  alloc_query(obj, 0, &info);
  alloc_get_traits(&info, &traits);
  printf("%s: can %u, ends %d\n", what, traits.capabilities, traits.lifetime);
}
static long *volatile other_local;
static int *volatile shared;
static volatile int stop, ready;
static void *other(void *unused) {
  other_local = &mine;
  ready = 1;
  while (!stop) usleep(1000);
  return unused;
}
static volatile int asked, wrong;
static void handler(int signal) {
  struct alloc_info root, info, parent;
  struct alloc_cursor cursor;
  (void)signal;
  alloc_get_root(&root);
  if (alloc_query(numbers, ALLOC_NOWAIT, &info) != 0 || alloc_get_parent(&info, ALLOC_NOWAIT, &parent) != 0) {
    ++wrong;
    return;
  }
  if (strncmp(parent.allocator->name, "static", 6) != 0) ++wrong;
  alloc_begin_children(&root, ALLOC_NOWAIT, &cursor);
  if (alloc_next_child(&cursor, &info) != ALLOC_E_NOT_YET) ++wrong;
  alloc_begin_children(&parent, ALLOC_NOWAIT, &cursor);
  if (alloc_next_child(&cursor, &info) != 1) ++wrong;
  ++asked;
}
static void *churn(void *unused) {
  while (!stop) free(realloc(malloc(30), 3000));
  return unused;
}

__attribute__((noinline)) static void variable(int n) {
  char row[n];
  memset(row, 1, (size_t)n);
  climb("array of run-time length", row);
}

int main(int argc, char **argv) {
  int local = argc;
  int *block = malloc(10 * sizeof *block);
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page - 0, 4096, PROT_READ);
  pthread_t thread, churning;
  pthread_create(&thread, NULL, other, NULL);
  while (!ready) usleep(1000);
  mine = 3;
  climb("function", (void *)main);
  climb("variable", numbers);
  climb("literal", text);
  climb("block", block);
  climb("local", &local);
  variable(argc * 40);
  climb("argv", argv);
  climb("argument", argv[0]);
  climb("thread-local", &mine);
  climb("another's thread-local", other_local);
  climb("mapping", page);
  climb("the C library", (void *)puts);

  traits("block", block);
  traits("local", &local);
  traits("variable", numbers);
  traits("thread-local", &mine);
  traits("mapping", page);
  traits("argv", argv);

  struct alloc_info info, none;
  struct alloc_cursor cursor;
  alloc_query(block, 0, &info);
  free(block);
  printf("freed: %s\n", alloc_error_message(alloc_get_parent(&info, 0, &none)));
  alloc_get_root(&none);
  printf("%d %d %d %d\n", alloc_get_parent(&none, 0, &info), alloc_get_parent(NULL, 0, &info), alloc_begin_children(NULL, 0, &cursor),
         alloc_next_child(NULL, &info));
  printf("%d\n", alloc_get_child(&none, NULL, 0, &info));

  /* Beside a thread that allocates and frees, and from a handler. */
  pthread_create(&churning, NULL, churn, NULL);
  signal(SIGUSR1, handler);
  int listed = 0;
  for (int i = 0; i < 30; ++i) {
    int *kept = malloc(100);
    struct alloc_info parent;
    alloc_query(kept, 0, &info);
    listed += alloc_get_parent(&info, 0, &parent) == 0 && (info.depth = parent.depth + 1, is_listed(&info, &parent));
    raise(SIGUSR1);
    free(kept);
  }
  stop = 1;
  pthread_join(churning, NULL);
  pthread_join(thread, NULL);
  printf("%d of 30 listed beside a thread; %d asked from a handler, %d wrong\n", listed, asked, wrong);
  return 0;
}
EOF
sed -i '1a #include <unistd.h>' a.c
build a.c -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out
expect out <<'EOF'
function: static static-section static-segment static-file mmap
variable: static static-section static-segment static-file mmap
literal: static static-section static-segment static-file mmap
block: __default_lib_malloc brk mmap
local: stackframe stack mmap
array of run-time length: stackframe stackframe stack mmap
argv: auxv auxv mmap
argument: auxv auxv mmap
thread-local: tls-symbol tls-block *mmap
another's thread-local: tls-symbol tls-block stack mmap
mapping: mmap
the C library: static static-section static-segment static-file mmap
block: can 15, ends 1
local: can 0, ends 3
variable: can 0, ends 2
thread-local: can 0, ends 4
mapping: can 31, ends 1
argv: can 0, ends 5
freed: nothing is allocated there
-12 -12 -12 -12
-1
30 of 30 listed beside a thread; 30 asked from a handler, 0 wrong
EOF
