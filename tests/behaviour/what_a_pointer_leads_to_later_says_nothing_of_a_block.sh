#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A `void *` that has received a block and is then made to lead into it, or to another block, tells of the block only until then. Where the order of the source does not say
# when that is, all that it is given to counts.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct entry { const char *text; unsigned value; };
struct unpacked { struct entry entry; struct unpacked *next; };
struct table { unsigned long size; unsigned mask; struct entry *slots[]; };
static int many = 8;
static int repeat;
static void *volatile kept[4];
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept[0] = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
// As git has it.
static void tables(size_t slots, size_t entries) {
  struct table *table;
  struct unpacked *entry, **hash;
  struct entry *packed, **packed_slots;
  void *mem = malloc(sizeof(*hash) * slots + sizeof(*entry) * entries);
  if (!mem) return;
  hash = mem;
  mem = hash + slots;
  entry = mem;
  show("hash", hash);
  kept[1] = entry;
  mem = malloc(sizeof(*table) + sizeof(*packed_slots) * (slots + 1) + sizeof(*packed) * entries);
  if (!mem) return;
  table = mem;
  mem = table->slots;
  packed_slots = mem;
  mem = packed_slots + (slots + 1);
  packed = mem;
  show("table", table);
  kept[2] = packed;
}
static void moved(size_t n) {
  void *mem = malloc(sizeof(struct table) + n);
  struct table *table = mem;
  mem = (char *)mem + 64;
  struct entry *entry = mem;
  show("moved", table);
  kept[1] = entry;
}
// Both may be in the variable.
static void perhaps(size_t n) {
  void *mem = malloc(sizeof(struct table) + n);
  struct table *table = mem;
  if (many > 3) mem = (char *)mem + 64;
  struct entry *entry = mem;
  show("perhaps", table);
  kept[1] = entry;
}
static void looped(size_t n) {
  void *mem = NULL;
  for (int i = 0; i < 1 + repeat; ++i) {
    struct entry *entry = mem;
    kept[1] = entry;
    mem = malloc(sizeof(struct table) + n);
    struct table *table = mem;
    show("looped", table);
  }
}
static void jumped(size_t n) {
  void *mem = malloc(sizeof(struct table) + n);
  struct table *table = mem;
  if (repeat) goto there;
  mem = (char *)mem + 64;
there:;
  struct entry *entry = mem;
  show("jumped", table);
  kept[1] = entry;
}
static void switched(size_t n) {
  void *mem = malloc(sizeof(struct table) + n);
  struct table *table = mem;
  switch (repeat) {
    case 1:
      kept[2] = NULL;
      mem = (char *)mem + 64;
      break;
    default:;
      struct entry *entry = mem;
      kept[1] = entry;
  }
  show("switched", table);
}
static void resized(size_t n) {
  void *mem = malloc(sizeof(struct table) + n);
  struct table *table = mem;
  table->size = 1;
  mem = realloc(mem, 2 * n);
  show("resized", mem);
}
static void *checked(void *p) { if (!p) abort(); return p; }
__attribute__((noinline)) void *obtain(size_t n) {
  void *p = malloc(n);
  p = checked(p);
  return p;
}
// A head in front of what the caller asks for.
__attribute__((noinline)) void *behind_head(size_t n) {
  void *p = malloc(n + 16);
  *(size_t *)p = n;
  p = (char *)p + 16;
  return p;
}
int main(void) {
  tables(many, 2 * many);
  moved(100 * many);
  perhaps(100 * many);
  looped(100 * many);
  jumped(100 * many);
  switched(100 * many);
  resized(100 * many);
  struct entry *entry = obtain(many * sizeof *entry);
  show("obtained", entry);
  entry = behind_head(sizeof *entry);
  show("behind a head", entry);
  return 0;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
hash: __PTR_unpacked 3
table: table 3
moved: table 3
perhaps: table 2
looped: table 2
jumped: table 2
switched: table 2
resized: table 2
obtained: __ARR0_entry 3
behind a head: no type
END
  done
done
