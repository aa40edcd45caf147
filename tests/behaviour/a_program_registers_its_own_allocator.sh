#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block becomes the pool of an arena that the program registered: what the arena hands out is in the tree.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/move.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Hands out slots of 64 bytes from a pool whose first slot says which are in use. */
struct header { unsigned long used; };
enum { kSlot = 64, kSlots = 32 };
static int slot_info(const char *pool, unsigned slot, struct alloc_info *out) {
  out->base = pool + slot * kSlot;
  out->size = kSlot;
  out->name = "slot";
  return ALLOC_OK;
}
static int find(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *out) {
  const struct header *header = pool->base;
  unsigned slot = (unsigned)((const char *)at - (const char *)pool->base) / kSlot;
  (void)flags, ++*(int *)context;
  return slot != 0 && header->used >> slot & 1 ? slot_info(pool->base, slot, out) : ALLOC_E_NOTHING_THERE;
}
static int next(void *context, const struct alloc_info *pool, const void *from, unsigned flags, struct alloc_info *out) {
  const struct header *header = pool->base;
  unsigned slot = (unsigned)((const char *)from - (const char *)pool->base + kSlot - 1) / kSlot;
  (void)flags, ++*(int *)context;
  for (; slot < kSlots; ++slot)
    if (slot != 0 && header->used >> slot & 1) return slot_info(pool->base, slot, out);
  return ALLOC_E_NOTHING_THERE;
}
static int calls;
static struct allocator arena = {"arena"}, unknown = {"unknown"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .context = &calls, .find = find, .next = next};
static const struct alloc_protocol half = {.size = sizeof half, .find = find};
static char *pool;
static int in_handler;
static void handler(int number) {
  struct alloc_info info;
  in_handler = number == SIGUSR1 && alloc_query(pool + 3 * kSlot + 5, ALLOC_NOWAIT, &info) == 0 && info.allocator == &arena;
}
static void tell(const char *at) {
  printf("%s %ld %zu\n", alloc_get_allocator(at)->name, (long)(at - (const char *)alloc_get_base(at)), alloc_get_size(at));
}

int main(void) {
  printf("%d %d %d %d\n", alloc_register_allocator(NULL, &protocol), alloc_register_allocator(&arena, NULL),
         alloc_register_allocator(&arena, &half), alloc_register_allocator(&__mmap_allocator, &protocol));
  pool = calloc(kSlots, kSlot);
  printf("%d\n", alloc_promote(pool, &arena));
  printf("%d\n", alloc_register_allocator(&arena, &protocol));
  printf("%d\n", alloc_register_allocator(&arena, &protocol));
  ((struct header *)pool)->used = 1 << 3 | 1 << 7;
  tell(pool + 3 * kSlot);
  int results[3] = {0};
  results[0] = alloc_promote(pool, &unknown), results[1] = alloc_promote(pool, &arena), results[2] = alloc_promote(pool, &arena);
  printf("%d %d %d\n", results[0], results[1], results[2]);
  tell(pool + 3 * kSlot + 5), tell(pool + 4 * kSlot), tell(pool);

  struct alloc_info info, parent, child;
  struct alloc_cursor cursor;
  struct alloc_traits traits;
  alloc_query(pool + 7 * kSlot + 1, 0, &info);
  printf("%s, parent: ", info.name);
  alloc_get_parent(&info, 0, &parent);
  printf("%s at the pool: %d\n", parent.allocator->name, parent.base == pool);
  alloc_begin_children(&parent, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1)
    printf("child %s at slot %ld, depth +%d\n", child.allocator->name, (long)((const char *)child.base - pool) / kSlot, child.depth - parent.depth);
  alloc_get_traits(&info, &traits);
  printf("can %u, ends %d; %d\n", traits.capabilities, traits.lifetime, alloc_get_protocol(&arena) == &protocol);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("from a handler: %d; called: %d\n", in_handler, calls > 5);

  results[0] = alloc_demote(pool + 9), results[1] = alloc_demote(pool + 9);
  printf("%d %d\n", results[0], results[1]);
  tell(pool + 3 * kSlot + 5);
  /* Not demoted before it was freed: no answers from a ghost. */
  alloc_promote(pool, &arena);
  free(pool);
  char *again = malloc(kSlots * kSlot);
  memset(again, 0xff, kSlots * kSlot);
  tell(again + 3 * kSlot);
  int local;
  printf("%d %d\n", alloc_promote(&local, &arena), alloc_promote((void *)8, &arena));
  /* Also while nothing is in it, a pool is neither freed, resized nor moved before it was demoted. */
  static struct { char bytes[kSlots * kSlot]; } whole;
  struct uniqtype *const type = alloc_get_type(&whole);
  for (int i = 0; i < 2; ++i) {
    void *empty, *base;
    alloc_new(i == 0 ? &__default_lib_malloc_allocator : &__mmap_allocator, type, 2, &empty);
    memset(empty, 0, 2 * sizeof whole);
    struct alloc_moving moving = {0};
    printf("empty: %d", alloc_promote(empty, &arena));
    printf(" %d %d", alloc_free(empty), alloc_resize(empty, 100, ALLOC_MAY_MOVE, &base));
    printf(" %d %d", alloc_migrate(empty, NULL, NULL, &base), alloc_migrate(empty, NULL, &moving, &base));
    printf(" %d", alloc_demote(empty));
    printf(" %d", alloc_resize(empty, 100, 0, &base));
    printf(" %d\n", alloc_free(base));
  }
  return 0;
}
EOF
build a.c -Wall -Werror
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
-12 -12 -12 -12
-12
0
-12
__default_lib_malloc 192 2048
-12 0 -20
arena 5 64
__default_lib_malloc 256 2048
__default_lib_malloc 0 2048
slot, parent: __default_lib_malloc at the pool: 1
child arena at slot 3, depth +1
child arena at slot 7, depth +1
can 0, ends 6; 1
from a handler: 1; called: 1
0 -1
__default_lib_malloc 197 2048
__default_lib_malloc 192 2048
-14 -1
empty: 0 -20 -20 -20 -20 0 0 0
empty: 0 -20 -20 -20 -20 0 0 0
EOF

# An allocation that fills its pool is a pool itself: both have the same bounds, and the inner one is asked, in whatever order they became pools. What it cannot tell, nobody tells for it.
cat > b.c <<'EOF'
#include <allocs/allocator.h>
#include <stdio.h>

/* One allocation of all of its pool; or the first half of it; or an error. */
static int find_whole(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)at, (void)flags;
  out->base = pool->base, out->size = pool->size;
  return 0;
}
static int next_whole(void *context, const struct alloc_info *pool, const void *from, unsigned flags, struct alloc_info *out) {
  return from <= pool->base ? find_whole(context, pool, from, flags, out) : ALLOC_E_NOTHING_THERE;
}
static int error;
static int find_half(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)flags;
  if (error != 0) return error;
  out->base = pool->base, out->size = pool->size / 2;
  return (const char *)at < (const char *)pool->base + out->size ? 0 : ALLOC_E_NOTHING_THERE;
}
static int next_half(void *context, const struct alloc_info *pool, const void *from, unsigned flags, struct alloc_info *out) {
  return from <= pool->base ? find_half(context, pool, pool->base, flags, out) : ALLOC_E_NOTHING_THERE;
}
static struct allocator whole = {"whole"}, other_whole = {"other whole"}, half = {"half"};
static const struct alloc_protocol whole_protocol = {.size = sizeof whole_protocol, .find = find_whole, .next = next_whole};
static const struct alloc_protocol half_protocol = {.size = sizeof half_protocol, .find = find_half, .next = next_half};
static void tell(const char *at) {
  struct alloc_info info;
  struct alloc_path_entry path[9];
  const int found = alloc_query(at, 0, &info);
  if (found != 0) printf("error %d", found);
  else printf("%s %zu", info.allocator->name, info.size);
  const int length = alloc_get_path(at, 0, path, 9);
  printf(", path %s", length < 0 ? "none" : "");
  for (int i = 0; i < length; ++i)
    if (path[i].allocator == &whole || path[i].allocator == &other_whole || path[i].allocator == &half) printf(" %s", path[i].allocator->name);
  puts("");
}
int main(void) {
  char *const at = malloc(640), *const other = malloc(64);
  alloc_register_allocator(&whole, &whole_protocol), alloc_register_allocator(&other_whole, &whole_protocol), alloc_register_allocator(&half, &half_protocol);
  /* The second time the entries of pools are used again in another order. */
  for (int i = 0; i < 2; ++i) {
    printf("%d", alloc_promote(at, &whole));
    printf(" %d", alloc_promote(at, &other_whole));
    if (i == 1) alloc_demote(other); /* an entry that comes before these */
    printf(" %d\n", alloc_promote(at, &half));
    tell(at + 5), tell(at + 400);
    error = ALLOC_E_BEING_RESIZED;
    tell(at + 5);
    error = 0;
    for (int k = 0; k < 3; ++k) alloc_demote(at), tell(at + 5);
    if (i == 0) alloc_promote(other, &whole);
  }
  return 0;
}
EOF
build b.c -Wall -Werror
preload ./b > out || fail "exit status $?"
for round in 1 2; do
  cat <<'EOF'
0 0 0
half 320, path  whole other whole half
other whole 640, path  whole other whole
error -6, path none
other whole 640, path  whole other whole
whole 640, path  whole
__default_lib_malloc 640, path 
EOF
done > wanted
expect out < wanted
