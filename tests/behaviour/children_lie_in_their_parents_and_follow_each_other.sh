#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every allocation lies wholly in its parent and begins where the one before it has ended: also texts that share their ends. What shares bytes with another says so.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF2'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <stdio.h>
#include <string.h>

static const char whole[] = "a sentence that ends in hello world", half[] = "hello world", last[] = "world", *const pointer = "ends in hello world";
static const char *volatile texts[] = {whole, half, last, "that ends in hello world", "in hello world", "rld", "d"};

__asm__(".pushsection .rodata\n .globl one_over, other_over\n .type one_over, @object\n .type other_over, @object\n"
        "one_over: .byte 1, 2, 3\nother_over: .byte 4, 5\n .size one_over, 4\n .size other_over, 2\n .popsection");
extern const char one_over[4], other_over[2];
static long shared;

static int same(const struct alloc_info *a, const struct alloc_info *b) { return a->allocator == b->allocator && a->base == b->base && a->size == b->size; }
static void report(const char *what, const struct alloc_info *parent, const struct alloc_info *child) {
  static int reported;
  if (++reported > 20) return;
  printf("%s: %s %s [%p, +%zu) in %s %s [%p, +%zu)\n", what, child->allocator ? child->allocator->name : "?", child->name ? child->name : "-", child->base, child->size,
         parent->allocator ? parent->allocator->name : "everything", parent->name ? parent->name : "-", parent->base, parent->size);
}
static long check(const struct alloc_info *parent) {
  struct alloc_cursor cursor;
  struct alloc_info child, again;
  const char *end = parent->base, *parent_end = end + parent->size, *last = NULL;
  int was_shared = 0;
  long count = 0;
  alloc_begin_children(parent, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) {
    const char *base = child.base;
    const int is_shared = (child.evidence & ALLOC_EV_SHARED_BYTES) != 0;
    shared += is_shared;
    if (base < end && !(is_shared && was_shared && base > last)) report("before the end of the last", parent, &child);
    if (base + child.size > parent_end) report("beyond its parent", parent, &child);
    end = base + child.size, last = base, was_shared = is_shared;
    const char *places[] = {base, base + child.size / 2, end - 1};
    for (int i = 0; i < (is_shared ? 1 : 3) && child.size != 0; ++i)
      if (alloc_get_child(parent, places[i], 0, &again) != 0 || !same(&again, &child)) report("not found again", parent, &child);
    count += 1 + check(&child);
  }
  return count;
}
static void ask(const char *what, const char *at) {
  struct alloc_info info, parent;
  alloc_query(at, 0, &info);
  alloc_get_parent(&info, 0, &parent);
  printf("%s: %s +%zu at %ld, %s; in %s\n", what, info.name, info.size, (long)(at - (const char *)info.base), info.evidence & ALLOC_EV_SHARED_BYTES ? "shared" : "alone",
         strncmp(parent.allocator->name, "static-se", 9) == 0 ? "the section" : parent.name);
}

int main(void) {
  struct alloc_info everything;
  alloc_get_root(&everything);
  long all = check(&everything);
  printf("checked: %d, shared: %d\n", all > 500, shared >= 2);
  ask("one", one_over);
  ask("the byte of both", one_over + 3);
  ask("the other", other_over + 1);
  printf("%d %s\n", texts[0] != NULL, pointer);
  return 0;
}
EOF2
try() {
  build a.c -Wall -Werror "$@"
  allocs meta build ./a > made
  preload ./a > out
  cat > wanted <<'EOF2'
checked: 1, shared: 1
one: one_over +4 at 0, shared; in the section
the byte of both: other_over +2 at 0, shared; in the section
the other: other_over +2 at 1, shared; in the section
1 ends in hello world
EOF2
  expect out < wanted
}
try
try -O2 -Wl,-O2 -fmerge-all-constants
if command -v clang > /dev/null; then
  CC=clang
  try -O2 -Wl,-O2
  command -v ld.lld > /dev/null && try -O2 -Wl,-O2 -fuse-ld=lld
fi
# By symbols only.
mkdir cache
ALLOCS_META=never XDG_CACHE_HOME=$PWD/cache preload ./a > out
expect out < wanted
