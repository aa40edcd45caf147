#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cast to `char *` that is there to compute an address says nothing of the block, nor does a cast to a structure in a function that returns the block as a `void *`, but that it
# contradicts another size, or that the number in `16 + n` is for such a head.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > b.c << 'END'
#include <stdlib.h>
#include <string.h>
struct set { void *arenas[100]; int count; } set;
void *more(int kind, size_t body, size_t arena) {
  char *start = malloc(arena), *at = start;
  set.arenas[set.count++] = start;
  for (; at + 2 * body <= start + arena; at += body) *(void **)at = at + body;
  *(void **)at = NULL;
  return kind < 0 ? NULL : start;
}
void *get(size_t n) { return malloc(n); }
void fill(char *from, size_t n) { memset(from, 1, n); }
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *more(int kind, size_t body, size_t arena);
void *get(size_t n);
void fill(char *from, size_t n);
struct item { struct item *next; long values[2]; };
struct link { struct link *next; void *what; };
struct body { size_t size, offset; } bodies[2] = {{24, 0}, {40, 8}};
static void *roots[2];
static int many = 100;
static void *volatile kept;
static void *anything;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
static void *new_body(int kind) {
  void *body;
  body = (struct link *)(roots[kind] ? roots[kind] : more(kind, bodies[kind].size, 4000));
  roots[kind] = *(void **)body;
  return body;
}
static void upgrade(int kind) {
  void *body = new_body(kind);
  memset(body, 0, bodies[kind].size);
  show("body", body);
  anything = (char *)body - bodies[kind].offset;
}
static void cleared(size_t n) {
  void *block = get(n);
  memset((char *)block, 0, n);
  anything = block;
  show("cleared", block);
  free((char *)block);
}
static void measured(size_t n) {
  void *block = get(n), *end = (char *)block + n;
  anything = (void *)((char *)end - (char *)block);
  show("measured", block);
}
static void copied_into(size_t n) {
  void *block = get(n);
  memcpy((char *)block + 8, &many, sizeof many);
  anything = block;
  show("copied into", block);
}
static void filled(size_t n) {
  void *block = get(n);
  fill((char *)block + 8, n - 8);
  anything = block;
  show("filled with bytes", block);
}
static void read_on(size_t n) {
  void *block = get(n);
  strcpy((char *)block + 8, "text");
  show("text in it", block);
}
static void kept_as_link(size_t n) {
  void *block = (struct link *)get(n);
  anything = block;
  show("cast to a structure", block);
}
union value { double number; void *pointer; char bytes[16]; } some_value;
static void *values(int n) { return (struct item *)malloc((n + 1) * sizeof(union value)); }
static void *one_item(void) { return (struct item *)calloc(1, 24); }
static void *behind_link(size_t n) {
  struct link *first = (struct link *)malloc(16 + n);
  first->next = NULL;
  return first;
}
int main(void) {
  upgrade(1);
  cleared(many);
  measured(many);
  copied_into(many);
  filled(many);
  read_on(many);
  kept_as_link(many);
  show("values behind an item", values(many));
  show("one item", one_item());
  show("items behind a link", behind_link(many * sizeof(struct item)));
  return 0;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c b.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
body: no type
cleared: no type
measured: no type
copied into: __ARR0_signed_char$8 2
filled with bytes: __ARR0_signed_char$8 2
text in it: __ARR0_signed_char$8 2
cast to a structure: link 2
values behind an item: __ARR0_value 2
one item: item 2
items behind a link: link 2
END
  done
done
