#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A function of another file that is told the size of a structure and a number of bytes may return such structures, or one that looks after them: only a pointer to the structure decides.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > get.c << 'END'
#include <stdlib.h>
void *get(size_t n) { return malloc(n); }
END
cat > b.c << 'END'
#include <string.h>
struct pool { size_t item; struct pool *next; };
void *get(size_t n);
void *more(int kind, size_t item, size_t bytes) { return get(bytes); }
struct pool *pool_create(size_t item, size_t bytes) {
  struct pool *pool = get(bytes);
  pool->item = item;
  return pool;
}
void *opaque_create(size_t item, size_t bytes) {
  void *pool = get(bytes);
  *(size_t *)pool = item;
  return pool;
}
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
void *more(int kind, size_t item, size_t bytes), *opaque_create(size_t item, size_t bytes);
struct pool *pool_create(size_t item, size_t bytes);
struct item { struct item *next; long values[2]; };
struct vector { float at[4]; };
static int many = 96;
static void *volatile kept;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
int main(void) {
  struct item *items = more(0, sizeof(struct item), 4080);
  show("arena of items", items);
  void *unknown = more(0, sizeof(struct item), 4080);
  show("arena to any pointer", unknown);
  float *numbers = more(0, sizeof(struct vector), 4096);
  numbers[0] = 1;
  show("an alignment", numbers);
  char *text = more(0, sizeof(struct item), 4096);
  show("room in front", text + 0);
  items = more(0, sizeof(struct item), 24);
  show("an item alone", items);
  unknown = more(0, sizeof(struct item), many);
  show("a number that is not known", unknown);
  show("pool", pool_create(sizeof(struct item), 65536));
  show("opaque pool", opaque_create(sizeof(struct item), 65536));
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c b.c get.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    sed -i 's/^\(.*\): \(pool\|__ARR0_signed_char$8\) 2$/\1: no type/' out  # what inference has to say, with a doubt
    expect out << 'END'
arena of items: item 3
arena to any pointer: no type
an alignment: __ARR0_float$32 3
room in front: no type
an item alone: item 3
a number that is not known: __ARR0_item 3
pool: no type
opaque pool: no type
END
  done
done
