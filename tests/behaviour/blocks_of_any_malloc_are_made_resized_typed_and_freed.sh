#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The operations on blocks go to whatever malloc the program has, preloaded or linked, and the answers follow.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs/allocator.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct point { int x, y; };
struct large { char bytes[5000]; };
static struct point origin;
static struct large monster;
static int wrong;
#define EXPECT(what) ((what) ? 0 : (wrong++, printf("line %d: %s\n", __LINE__, #what)))
int main(void) {
  struct uniqtype *point = alloc_get_type(&origin), *points = uniqtype_array_of(point, SIZE_MAX), *large = alloc_get_type(&monster);
  void *any = malloc(10);
  struct allocator *heap = alloc_get_allocator(any);
  printf("%s: ", heap->name);
  for (int round = 0; round < 2000; ++round) {
    void *p, *q;
    const int made = alloc_new(heap, point, 10, &p);
    if (made != ALLOC_OK) return printf("%s\n", alloc_error_message(made)), 1;
    EXPECT(alloc_get_allocator(p) == heap && alloc_get_size(p) == 10 * sizeof(struct point) && alloc_get_type(p) == points);
    ((struct point *)p)[3].y = round;
    EXPECT(alloc_resize((char *)p + 9, 800000, ALLOC_MAY_MOVE, &q) == ALLOC_OK);
    EXPECT(((struct point *)q)[3].y == round && alloc_get_size(q) == 800000 && alloc_get_type(q) == points);
    EXPECT(alloc_resize(q, 5000, ALLOC_MAY_MOVE, &p) == ALLOC_OK);
    EXPECT(alloc_get_size(p) == 5000 && ((struct point *)p)[3].y == round);
    EXPECT(alloc_set_type(p, large) == ALLOC_OK && alloc_get_type(p) == large);
    EXPECT(alloc_free((char *)p + 4999) == ALLOC_OK);
    EXPECT(alloc_free(p) != ALLOC_OK);
    char *untyped = malloc(64);
    memset(untyped, 1, 64);
    EXPECT(alloc_set_type(untyped, large) != ALLOC_OK);
    EXPECT(alloc_set_type(untyped, points) == ALLOC_OK && alloc_get_type(untyped) == points);
    free(untyped);
  }
  printf("%d wrong\n", wrong);
  return wrong != 0;
}
END
build a.c -O1
libraries=/usr/lib/$(uname -m)-linux-gnu
for malloc in "" libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
  [ -z "$malloc" ] || [ -e "$libraries/$malloc" ] || continue
  echo "preloaded: ${malloc:-libc}"
  LD_PRELOAD="$PRELOAD ${malloc:+$libraries/$malloc}" ./a || fail "preloaded: $malloc"
  [ -n "$malloc" ] || continue
  cp a.c linked.c
  build linked.c -O1 -Wl,--no-as-needed "$libraries/$malloc"
  echo "linked: $malloc"
  preload ./linked || fail "linked: $malloc"
done
