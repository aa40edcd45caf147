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
struct both { struct owned owned; struct keyed keyed; };
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
static inline size_t two_size(int kind) { switch (kind) { case 0: return sizeof(struct owned); case 1: return sizeof(struct keyed); } return 0; }
static inline size_t slot_size(int kind) { return kind != 0 ? sizeof(struct owned) : sizeof(struct keyed); }
static void *ten_of(size_t size) { return malloc(size * 10); }
static void *twice(size_t size) { return malloc(size + size); }
static void *less(size_t size, size_t by) { return malloc(size - by + 100); }
static void *paged(size_t size) { return malloc((size + 4095) & ~4095ul); }
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
static void by_operations(int argc) {
  const size_t slot = slot_size(argc > 1), n = (size_t)argc;
  const size_t many = n * slot;
  size_t all = 0, both = slot;
  int kind = 0, changed = 1;
  for (int i = 0; i < 10; ++i) all += slot;
  both += slot;
  show("ten", kept = ten_of(slot_size(argc > 1)));
  show("twice", kept = twice(slot_size(argc > 1)));
  show("less", kept = less(slot_size(argc > 1), n));
  show("in a loop", kept = malloc(all));
  show("both", kept = malloc(both));
  show("and many", kept = malloc(slot + n * slot));
  show("and a number of many", kept = malloc(slot + many + 4));
  show("exclusive or", kept = malloc(64 ^ slot));
  show("or", kept = malloc(n * 128 | slot));
  show("minus", kept = malloc(slot - n + 8));
  show("from the other", kept = malloc(sizeof(struct both) - slot + 64));
  show("paged", kept = malloc((slot + 4095) & ~4095ul));
  show("paged there", kept = paged(slot_size(argc > 1)));
  show("of known kind", kept = malloc(two_size(changed) + n));
  __asm__("movl $5, %0" : "=r"(kind));
  show("by assembly", kept = malloc(two_size(kind) + n * 64));
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
  by_operations(argc);
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
ten: no type
twice: no type
less: no type
in a loop: no type
both: no type
and many: no type
and a number of many: no type
exclusive or: no type
or: no type
minus: no type
from the other: no type
paged: __ONE_OF_keyed__owned 3
paged there: __ONE_OF_keyed__owned 3
of known kind: __ONE_OF_keyed__owned 3
by assembly: no type
END
    expect pointers << 'END'
__PTR_keyed at 8
__PTR_owned at 0
END
    allocs meta dump a > dump
    grep -q 'union { struct owned; struct tiny; struct wide; }' dump || fail "the dump has no such union"
  done
done

# What is written by another name, by a lambda or through a pointer.
cat > c.cc << 'END'
#include <allocs.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
struct owned { owned *owner; long length; };
struct keyed { long key; keyed *left; char text[8]; };
struct third { long numbers[3]; };
owned one; keyed other; third another;
static void *volatile kept;
static size_t n;
static size_t head(int kind) { switch (kind) { case 0: return sizeof(owned); case 1: return sizeof(keyed); } return 0; }
static void show(const char *what, void *block) {
  alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == nullptr) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
static void change(int &kind) { kind = 9; }
static void grow(size_t &size) { size = 16; }
struct holder { int &kind; };
int main(int argc, char **) {
  n = 100 * static_cast<size_t>(argc);
  { int k = 0; show("kind", malloc(head(k) + n)); }
  { size_t z; switch (argc) { case 1: z = sizeof(owned); break; case 2: z = sizeof(keyed); break; default: z = sizeof(third); } show("three", malloc(z)); }
  { int k = 0; change(k); show("passed", malloc(head(k) + n)); }
  { int k = 0; int &r = k; r = 9; show("bound", malloc(head(k) + n)); }
  { int k = 0; const int &r = k; const_cast<int &>(r) = 9; show("bound to const", malloc(head(k) + n)); }
  { int k = 0; holder h{k}; h.kind = 9; show("held", malloc(head(k) + n)); }
  { int k = 0; (k = 1, k) = 9; ++k = 9; change(k = 0); show("result of an assignment", malloc(head(k) + n)); }
  { int k = 0; [&] { k = 9; }(); show("captured", malloc(head(k) + n)); }
  { int k = 0; int *p = &k; k = 1; *p = 9; show("through a pointer", malloc(head(k) + n)); }
  { size_t z = sizeof(owned); show("single", malloc(z)); }
  { size_t z = sizeof(owned); grow(z); show("single passed", malloc(z)); }
  { size_t z = sizeof(owned); [&] { z = 16; }(); show("single captured", malloc(z)); }
  { size_t z = sizeof(owned); size_t &r = z; z = sizeof(owned); r = 16; show("single bound", malloc(z)); }
  { size_t z = sizeof(owned); const size_t &r = z; z = 16; show("by another name", malloc(r)); }
  { size_t z = 0, *p = &z; z = sizeof(owned); *p = 16; show("single through a pointer", malloc(z)); }
  { size_t z = sizeof(owned); __asm__("movq $16, %0" : "=r"(z)); show("single by assembly", malloc(z)); }
  { size_t z = 0; grow(z); z = sizeof(owned); show("assigned again", malloc(z)); }
  { size_t z = sizeof(owned); n = std::max(n, z); show("only compared", malloc(z)); }
}
END
for compiler in $(command -v g++ || true) $(command -v clang++-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocsc++ --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" c.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o c
    preload ./c > told
    expect told << 'END'
kind: __ONE_OF_keyed__owned 3
three: __ONE_OF_keyed__owned__third 3
passed: no type
bound: no type
bound to const: no type
held: no type
result of an assignment: no type
captured: no type
through a pointer: no type
single: owned 3
single passed: no type
single captured: no type
single bound: no type
by another name: no type
single through a pointer: no type
single by assembly: no type
assigned again: owned 3
only compared: owned 3
END
  done
done
