#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sizeof(T) in a size does not say that the block begins with a T: it may be the room for the digits of a number, a unit to which bytes are rounded, the least that a free
# list needs, or what lies further on in the block.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > b.c << 'END'
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
struct footer { long check, more; };
struct link { struct link *next; size_t size; };
struct link *links;
void *with_footer(size_t n) {
  char *p = malloc(n + sizeof(struct footer));
  struct footer *f = (struct footer *)(p + n);
  f->check = 1;
  return p;
}
void *rounded(size_t n) {
  n = (n + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
  return malloc(n);
}
void *in_words(size_t n) {
  long *p = calloc((n + sizeof(long) - 1) / sizeof(long), sizeof(long));
  return p;
}
void *at_least(size_t n) {
  struct link *l = malloc(n < sizeof *l ? sizeof *l : n);
  if (l == NULL) abort();
  links = NULL;
  return l;
}
static char *chunk;
static size_t room;
char *piece(size_t n) {
  char *p;
  if (room < n) chunk = malloc(room = 4000);
  p = chunk;
  chunk += n;
  room -= n;
  return p;
}
char *name(const char *s) {
  char *p = piece(strlen(s) + 1), *to = p;
  while ((*to++ = *s++)) {}
  return p;
}
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct item { struct item *next; long values[2]; };
struct map { char *slots; struct item *item; } map;
void *with_footer(size_t n), *rounded(size_t n), *in_words(size_t n), *at_least(size_t n);
char *piece(size_t n), *name(const char *s);
static int many = 100;
static void *volatile kept;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else if (info.type_grade < ALLOC_GRADE_STRONG) printf("%s: not strong\n", what);
  else printf("%s: %s\n", what, UNIQTYPE_NAME(info.type));
}
static void digits(const char *s) {
  char *text = malloc(strlen(s) + 1 + sizeof(int) * 3);
  sprintf(text, "%s%d", s, many);
  show("digits", text);
}
static void aligned(void) {
  void *raw = malloc(sizeof(struct item) + 63);
  struct item *item = (struct item *)(((uintptr_t)raw + 63) & ~(uintptr_t)63);
  item->next = NULL;
  map.item = item;
  show("aligned by hand", raw);
}
static void behind_length(void) {
  unsigned char *frame = malloc(8 + sizeof(struct item));
  struct item *item = (struct item *)(frame + 8);
  frame[0] = 24;
  item->next = NULL;
  show("behind a length", frame);
}
static void slots(size_t key) {
  map.slots = calloc(many, key + sizeof(uint32_t));
  show("keys and numbers", map.slots);
}
static void words(void) {
  uint64_t *bits = calloc((many + 7) / 8, sizeof(uint64_t));
  show("words", bits);
}
static void checked(size_t n) {
  void *block = malloc(n * sizeof(struct item) + 16);
  if (((uintptr_t)block & 15) != 0) abort();
  show("checked", block);
}
static void two_parts(size_t n) {
  char *block = malloc(sizeof(struct map) + n * sizeof(struct item));
  struct item *items = (struct item *)(block + sizeof(struct map));
  items->next = NULL;
  show("two parts", block);
}
static void either_first(void) {
  void *block = malloc(sizeof(struct map) + sizeof(struct item));
  kept = block;
  show("either first", block);
}
int main(void) {
  either_first();
  digits("n");
  aligned();
  behind_length();
  slots(many);
  words();
  checked(many);
  two_parts(many);
  show("with a footer", with_footer(many * sizeof(struct item)));
  show("rounded", rounded(many * sizeof(struct item)));
  show("in words", in_words(sizeof(struct item)));
  show("at least", at_least(many * sizeof(struct item)));
  name("text");
  show("piece", piece(4));
  return 0;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c b.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
either first: not strong
digits: not strong
aligned by hand: no type
behind a length: no type
keys and numbers: not strong
words: __ARR0_uint$64
checked: item
two parts: map
with a footer: no type
rounded: __ARR0_item
in words: item
at least: __ARR0_item
piece: not strong
END
  done
done
