#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A size that is that of one structure or another, with bytes behind it or without, tells a union of them, with both code generators the same. All of its members cover a byte,
# the pointers of all are visited, and the block may be smaller than the largest.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <allocs/walk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct __attribute__((packed)) tiny { unsigned char length; char text[]; };
struct __attribute__((packed)) wide { unsigned length; unsigned char flags; char text[]; };
struct owned { struct owned *owner; long length; };
struct keyed { long key; struct keyed *left; };
struct __attribute__((packed)) measured { short length; char text[]; }; /* only by sizeof */
struct tiny *tinies; struct wide *wides; struct owned *owners; struct keyed *keys; /* compilers describe what is used */
static inline int head_size(int kind) {
  switch (kind & 3) {
    case 0: return sizeof(struct tiny);
    case 1: return sizeof(struct wide);
    case 2: return sizeof(struct owned);
  }
  return 0;
}
static inline char kind_of(size_t n) { return n == 0 ? 0 : n < 256 ? 1 : 2; }
void *get_usable(size_t n, size_t *usable);
static void *volatile kept;
static void show(const char *what, const void *block) {
  struct alloc_info info;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
static int visit(const struct alloc_reference *reference, void *block) {
  printf("%s at %ld\n", UNIQTYPE_NAME(reference->type), (long)((const char *)reference->at - (const char *)block));
  return 0;
}
static int say(const struct alloc_subobject *part, void *context) {
  (void)context;
  if (part->name != NULL) printf("%s ", part->name);
  return 0;
}
static char *text(const char *from) {
  size_t n = strlen(from), usable;
  int head = head_size(kind_of(n));
  void *block = get_usable(head + n + 1, &usable);
  if (block == NULL) return NULL;
  char *s = (char *)block + head;
  memcpy(s, from, n + 1);
  kept = block;
  return s;
}
int main(int argc, char **argv) {
  (void)argv;
  if (text("") == NULL) return 1;
  show("of two bytes", kept);
  if (text("forty characters and then some more of it") == NULL) return 1;
  show("longer", kept);
  kept = malloc(argc > 1 ? sizeof(struct owned) : sizeof(struct keyed));
  memset(kept, 0, sizeof(struct keyed));
  show("either", kept);
  printf("%d\n", alloc_walk_references(kept, 0, visit, kept));
  alloc_walk_covering((char *)kept + 8, -1, 0, say, NULL);
  puts("");
  kept = malloc((argc > 1 ? sizeof(struct owned) : sizeof(struct tiny)) + (size_t)argc);
  show("the smaller", kept);
  printf("%d\n", alloc_walk_references(kept, 0, visit, kept));
  kept = malloc((argc > 1 ? sizeof(struct owned) : sizeof(struct measured)) + 8);
  show("only measured", kept);
  kept = malloc((argc > 2 ? sizeof(struct owned) : argc > 1 ? sizeof(struct tiny) : 32) + (size_t)argc);
  show("or a number", kept);
  return 0;
}
END
cat > b.c << 'END'
#include <malloc.h>
#include <stdlib.h>
void *get_usable(size_t n, size_t *usable) {
  void *block = malloc(n);
  if (block != NULL && usable != NULL) *usable = malloc_usable_size(block);
  return block;
}
END
command -v allocscc > /dev/null || skip "allocscc was not built"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c b.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    grep -v ' at ' out > said
    grep ' at ' out | sort > pointers
    expect said << 'END'
of two bytes: __ONE_OF_owned__tiny__wide 3
longer: __ONE_OF_owned__tiny__wide 3
either: __ONE_OF_keyed__owned 3
0
keyed left owned length 
the smaller: __ONE_OF_owned__tiny 3
0
only measured: __ONE_OF_measured__owned 3
or a number: no type
END
    expect pointers << 'END'
__PTR_keyed at 8
__PTR_owned at 0
END
    allocs meta dump a > dump
    grep -q 'union { struct owned; struct tiny; struct wide; }' dump || fail "the dump has no such union"
  done
done
