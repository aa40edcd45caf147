#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The block of a pool is an array of what the callers of the function that hands out the pieces ask for: strong where the file shows that no two of them share a pool, plausible
# where pointers lead to the pools. Of no type is what has a head, is lent by somebody else, has pieces of several sizes, or is looked at otherwise.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > pool.h << 'END'
struct open_pool { void *next; int left; };
END
cat > get.c << 'END'
#include <stdlib.h>
void *get(size_t n) { void *p = malloc(n); if (!p) abort(); return p; }
void *xrealloc(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; }
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pool.h"
#define MANY 100
struct point { double x, y, z; };
struct item { struct item *next; long key; };
struct head { struct head *next; };
void *get(size_t n);
void *xrealloc(void *old, size_t n);
static char spare[4096];
static int number = 7;
static void *volatile kept;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}

// With a list of the blocks, as git has it.
struct listed { int left; void *next; void **blocks; int count, room; };
struct registry { struct listed *points, *items; } registry;
static inline void *take_listed(struct listed *s, size_t n) {
  void *piece;
  if (!s->left) {
    s->left = MANY;
    s->next = get(MANY * n);
    if (s->count + 1 > s->room) { s->room = 2 * s->room + 4; s->blocks = xrealloc(s->blocks, sizeof(*(s->blocks)) * s->room); }
    s->blocks[s->count++] = s->next;
  }
  s->left--;
  piece = s->next;
  s->next = (char *)s->next + n;
  memset(piece, 0, n);
  return piece;
}
void clear(struct listed *s) { while (s->count > 0) { s->count--; free(s->blocks[s->count]); } free(s->blocks); s->blocks = NULL; s->next = NULL; s->left = 0; }
void *new_point(struct registry *r) { struct point *p = take_listed(r->points, sizeof(struct point)); p->x = 1; return p; }
void *new_item(struct registry *r) { struct item *i = take_listed(r->items, sizeof *i); i->key = 1; return i; }

struct single { char *next; int left; };
static void *take_single(struct single *s, size_t n) {
  if (s->left-- == 0) { const size_t all = n * MANY; char *block = malloc(all); if (!block) return NULL; s->next = block; s->left = MANY - 1; }
  void *piece = s->next;
  s->next += n;
  return piece;
}
void *single(struct single *s) { return take_single(s, sizeof(struct item)); }

struct counted { char *block; unsigned used; };
static struct counted points, items;
static void *take_counted(struct counted *s, unsigned n) {
  if (s->block == NULL || s->used == MANY) { s->block = calloc(MANY, n); s->used = 0; }
  return s->block + s->used++ * n;
}
void *counted_point(void) { return take_counted(&points, sizeof(struct point)); }
void *counted_item(void) { return take_counted(&items, sizeof(struct item)); }

// What is no such pool.
struct headed { void *next; int left; };
static void *take_headed(struct headed *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n + 16); s->left = MANY - 1; s->next = (char *)s->next + 16; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *headed(struct headed *s) { return take_headed(s, sizeof(struct item)); }

struct chained { void *next, *chain; int left; };
static void *take_chained(struct chained *s, size_t n) {
  if (s->left-- == 0) {
    s->next = malloc(MANY * n); s->left = MANY - 2;
    *(void **)s->next = s->chain; s->chain = s->next; s->next = (char *)s->next + n;
  }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *chained(struct chained *s) { return take_chained(s, sizeof(struct item)); }

struct linked { void *next; void **chunks; int left; };
static void *take_linked(struct linked *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 2; s->chunks[0] = s->next; s->next = (char *)s->next + n; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void link_all(struct linked *s) { struct head *h = s->chunks[0]; h->next = NULL; }
void *linked(struct linked *s) { void *p = take_linked(s, sizeof(struct item)); link_all(s); return p; }

struct freed { void *next, *back; int left; };
static void *take_freed(struct freed *s, size_t n) {
  void *piece = s->back;
  if (piece) { s->back = *(void **)piece; return piece; }
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  piece = s->next; s->next = (char *)s->next + n; return piece;
}
void put_back(struct freed *s, struct head *p) { s->back = p; }
void *freed(struct freed *s) { return take_freed(s, sizeof(struct item)); }

struct varied { void *next; int left; };
static void *take_varied(struct varied *s, size_t n) {
  if (s->left-- == 0) { s->left = number > 3 ? number : MANY; s->next = malloc((number > 3 ? (size_t)number : MANY) * n); s->left--; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *varied(struct varied *s) { return take_varied(s, sizeof(struct item)); }

struct branched { void *next; int left; };
static void *take_branched(struct branched *s, size_t n) {
  if (s->left-- == 0) { s->left = MANY - 1; if (number < 3) s->next = malloc(number); else s->next = malloc(MANY * n); }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *branched(struct branched *s) { return take_branched(s, sizeof(struct item)); }

struct lent { void *next; int left; };
static void *take_lent(struct lent *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void lend(struct lent *s) { s->next = spare; s->left = 2; }
void *lent(struct lent *s) { return take_lent(s, sizeof(struct item)); }

struct shared { void *next; int left; };
static struct shared both;
static void *take_shared(struct shared *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *shared_item(void) { return take_shared(&both, sizeof(struct item)); }
void *shared_head(void) { return take_shared(&both, sizeof(struct head)); }

struct any { void *next; int left; };
static void *take_any(struct any *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *any_item(struct any *s) { return take_any(s, sizeof(struct item)); }
void *any_head(struct any *s) { return take_any(s, sizeof(struct head)); }

struct rounded { void *next; int left; };
static void *take_rounded(struct rounded *s, size_t n) {
  n = (n + 31) & ~(size_t)31;
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *rounded(struct rounded *s) { return take_rounded(s, sizeof(struct item)); }

struct spaced { void *next; int left; };
static void *take_spaced(struct spaced *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY / 2 - 1; }
  void *piece = s->next; s->next = (char *)s->next + n + 8; return piece;
}
void *spaced(struct spaced *s) { return take_spaced(s, sizeof(struct item)); }

struct copied { void *next; int left; };
static void *take_copied(struct copied *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
static struct copied from, to;
void copy(void) { from = to; }
void *copied_item(void) { return take_copied(&to, sizeof(struct item)); }
void *copied_head(void) { return take_copied(&from, sizeof(struct head)); }

struct called { void *next; int left; };
static void *take_called(struct called *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *(*for_others)(struct called *, size_t) = take_called;
void *called(struct called *s) { return take_called(s, sizeof(struct item)); }

struct plain { void *next; int left; };
static void *take_plain(struct plain *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *plain_bytes(struct plain *s) { return take_plain(s, number); }
void *plain(struct plain *s) { return take_plain(s, sizeof(struct item)); }

struct extern_pool { void *next; int left; };
void *take_extern(struct extern_pool *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *in_extern(struct extern_pool *s) { return take_extern(s, sizeof(struct item)); }

static void *take_open(struct open_pool *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *in_open(struct open_pool *s) { return take_open(s, sizeof(struct item)); }

struct started { void *next; int left; };
static struct started started_one = {spare, 2};
static void *take_started(struct started *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *started(struct started *s) { return take_started(s, sizeof(struct item)); }

struct early { void *next; int left; };
static void *take_early(struct early *s, size_t n);
void *early(struct early *s) { return take_early(s, sizeof(struct item)); }
static void *take_early(struct early *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}

struct large { void *next; int left; };
static void *take_large(struct large *s, size_t n) {
  if (n > 4096) return kept;
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *large(struct large *s) { return take_large(s, sizeof(struct item)); }

struct addressed { void *next; int left; };
void refill(void **next, size_t n);
static void *take_addressed(struct addressed *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *addressed(struct addressed *s) { void *p = take_addressed(s, sizeof(struct item)); if (number < 3) refill(&s->next, 3); return p; }
void refill(void **next, size_t n) { *next = spare + n; }

struct misused { void *next; int left; };
static void *take_misused(struct misused *s, size_t n) {
  if (s->left-- == 0) { s->next = malloc(MANY * n); s->left = MANY - 1; }
  void *piece = s->next; s->next = (char *)s->next + n; return piece;
}
void *misused(struct misused *s) { return take_misused(s, sizeof(struct item)); }
void *otherwise(struct misused *s) { struct point *p; p = take_misused(s, sizeof(struct item)); p->x = 1; return p; }

#define NEW(type) calloc(1, sizeof(type))
int main(void) {
  registry.points = NEW(struct listed);
  registry.items = NEW(struct listed);
  show("listed point", new_point(&registry));
  new_point(&registry);
  show("listed third", new_point(&registry));
  show("listed item", new_item(&registry));
  show("single", single(NEW(struct single)));
  show("counted point", counted_point());
  show("counted item", counted_item());
  show("headed", headed(NEW(struct headed)));
  show("chained", chained(NEW(struct chained)));
  struct linked *list = NEW(struct linked);
  list->chunks = NEW(void *);
  show("linked", linked(list));
  show("freed", freed(NEW(struct freed)));
  show("varied", varied(NEW(struct varied)));
  show("branched", branched(NEW(struct branched)));
  show("lent", lent(NEW(struct lent)));
  show("shared item", shared_item());
  show("shared head", shared_head());
  show("any item", any_item(NEW(struct any)));
  show("any head", any_head(NEW(struct any)));
  show("rounded", rounded(NEW(struct rounded)));
  show("spaced", spaced(NEW(struct spaced)));
  show("copied item", copied_item());
  show("copied head", copied_head());
  show("called", called(NEW(struct called)));
  show("plain", plain(NEW(struct plain)));
  show("extern", in_extern(NEW(struct extern_pool)));
  show("open", in_open(NEW(struct open_pool)));
  show("started", started(NEW(struct started)));
  show("early", early(NEW(struct early)));
  show("large", large(NEW(struct large)));
  show("addressed", addressed(NEW(struct addressed)));
  show("misused", misused(NEW(struct misused)));
  return started_one.left != 2;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2 "-O2 -fno-inline"; do
    echo "$compiler $flags"
    # shellcheck disable=SC2086 # the flags are a list
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c get.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
listed point: __ARR0_point 2
listed third: __ARR0_point 2
listed item: __ARR0_item 2
single: __ARR0_item 3
counted point: __ARR0_point 3
counted item: __ARR0_item 3
headed: no type
chained: no type
linked: no type
freed: no type
varied: no type
branched: no type
lent: no type
shared item: no type
shared head: no type
any item: no type
any head: no type
rounded: no type
spaced: no type
copied item: no type
copied head: no type
called: no type
plain: no type
extern: no type
open: no type
started: no type
early: no type
large: no type
addressed: no type
misused: no type
END
  done
done
