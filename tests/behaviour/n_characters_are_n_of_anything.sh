#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `n * sizeof(char)` is n: it does not say that the block is characters, and a function that asks for as many as it is told is a wrapper. What a pointer to bytes
# receives and the unit makes a pointer to structures or pointers is not told to be bytes.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct item { struct item *next; long values[2]; };
static int many = 8;
static void *volatile kept;
static struct item *items;
static void **slots;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
__attribute__((noinline)) void *get(size_t n) { return malloc(n * sizeof(char)); }
__attribute__((noinline)) void *get_zeroed(size_t n) { return calloc(sizeof(char), n); }
__attribute__((noinline)) void *get_behind(size_t n, size_t unit) { return malloc(sizeof(char) * n * unit); }
// As perl has its bodies.
static void arena(int n) {
  char *start = (char *)malloc(n * sizeof(char));
  items = (struct item *)start;
  show("arena of items", start);
}
static char *chunk;
static __attribute__((noinline)) void link_up(void) { slots = (void **)(chunk + 8); }
static void table(int n) {
  chunk = malloc(sizeof(char[8]) * n);
  link_up();
  show("arena of pointers", chunk);
}
// As an arena, but who makes items of it is another function.
static char *bodies;
static __attribute__((noinline)) void more_items(void) { items = (struct item *)bodies; }
static void arena_of_another(int n) {
  bodies = malloc(n * sizeof(char));
  more_items();
  show("items elsewhere", bodies);
}
static void text(int n) {
  char *buffer = malloc(n * sizeof(char));
  for (int i = 0; i < n; ++i) buffer[i] = 'a' + i % 26;
  show("text", buffer);
}
static void unused(int n) {
  char *buffer = malloc(n * sizeof(char) + sizeof(char));
  show("unused", buffer);
}
static void named(int n) {
  struct item *item = malloc(sizeof(struct item) * sizeof(char) * n);
  show("items", item);
}
static void told_otherwise(int n) {
  struct item *item = malloc(n * sizeof(char));
  show("items, on the pointer's word", item);
}
static void in_front(int n) {
  struct item *item = malloc(sizeof(struct item) + n * sizeof(char));
  show("item and characters", item);
}
static void rounded(void) {
  struct item *item = malloc(sizeof(struct item) + sizeof(char[8]));
  show("an item and a little", item);
  void *block = malloc(sizeof(char) + sizeof(struct item));
  show("the same to any pointer", block);
  block = malloc(many * sizeof(struct item) + sizeof(char));
  show("items and one more", block);
}
static void behind(int n) {
  struct item *item = malloc(n * sizeof *item + sizeof(char[24]));
  show("items and text", item);
  char (*rows)[16] = malloc(n * sizeof *rows + n * sizeof(struct item));
  show("rows and items", rows);
}
typedef char name[32];
static void rows(int n) {
  name *names = malloc(n * sizeof(name));
  show("rows of characters", names);
}
static void two(void) {
  struct item *item = get(sizeof *item + sizeof(char) + sizeof(char));
  show("got with two more", item);
}
static void several(int n) {
  struct item *item = malloc(24 * n);
  show("several, on the pointer's word", item);
}
static void fixed(void) {
  struct item *item = malloc(24 * sizeof(char));
  show("one item, on the pointer's word", item);
}
int main(void) {
  arena(100 * many);
  table(many);
  arena_of_another(24 * many);
  text(10 * many);
  unused(many);
  named(many);
  told_otherwise(24 * many);
  in_front(many);
  rounded();
  behind(many);
  rows(many);
  two();
  several(many);
  fixed();
  struct item *item = get(sizeof *item);
  show("got", item);
  item = get_zeroed(sizeof *item);
  show("got zeroed", item);
  item = get_behind(many, sizeof *item);
  show("got behind two", item);
  return 0;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
arena of items: item 2
arena of pointers: no type
items elsewhere: no type
text: __ARR0_signed_char$8 2
unused: __ARR0_signed_char$8 2
items: __ARR0_item 3
items, on the pointer's word: item 2
item and characters: __FLEX_item____ARR0_signed_char$8 3
an item and a little: item 3
the same to any pointer: item 3
items and one more: item 3
items and text: item 3
rows and items: __ARR16_signed_char$8 3
rows of characters: __ARR0___ARR32_signed_char$8 3
got with two more: item 3
several, on the pointer's word: item 2
one item, on the pointer's word: item 2
got: item 3
got zeroed: item 3
got behind two: __ARR0_item 3
END
  done
done
# A template's own parameter is what it counts.
command -v clang++-19 > /dev/null || exit 0
cat > b.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <string>
#include <vector>
static void show(const char *what, const void *block) {
  alloc_info info;
  if (alloc_query(const_cast<void *>(block), 0, &info) != ALLOC_OK || info.type == nullptr) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
int main(int argc, char **) {
  std::vector<char> bytes(100u * static_cast<unsigned>(argc));
  show("vector", bytes.data());
}
END
allocsc++ --allocs-cc=clang++-19 -O1 -I "$ALLOCS_PREFIX/include" b.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o b
preload ./b > out
echo 'vector: __ARR0_signed_char$8 3' | expect out
