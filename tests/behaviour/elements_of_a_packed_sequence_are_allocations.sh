#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block of texts, of UTF-8 or of a program's own records is a sequence, whose elements are allocations.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/sequence.h>
#include <allocs/walk.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void list(const char *what, const char *pool) {
  struct alloc_info info, parent, each;
  struct alloc_cursor cursor;
  alloc_query(pool, ALLOC_NOWAIT, &info);
  if (info.base == pool && strcmp(info.allocator->name, "__default_lib_malloc") != 0) alloc_get_parent(&info, 0, &parent), info = parent;
  printf("%s:", what);
  alloc_begin_children(&info, 0, &cursor);
  while (alloc_next_child(&cursor, &each) == 1) printf(" %ld+%zu", (long)((const char *)each.base - pool), each.size);
  printf(" in %s\n", info.allocator->name);
}
static void tell(const char *pool, long offset) {
  struct alloc_info info;
  alloc_query(pool + offset, 0, &info);
  printf("  at %ld: %s %ld+%zu %s\n", offset, info.allocator->name, (long)((const char *)info.base - pool), info.size,
         info.type == NULL ? "-" : uniqtype_name(info.type));
}
/* A length, then so many bytes. */
static int decode(void *context, const void *at, size_t left, size_t *size, struct uniqtype **type) {
  const unsigned char *record = at;
  (void)type, ++*(int *)context;
  if (record[0] == 0 || record[0] + 1u > left) return ALLOC_E_NOTHING_THERE;
  *size = record[0] + 1u;
  return 0;
}
static int calls;
static const struct alloc_sequence_family records = {.size = sizeof records, .name = "records", .context = &calls, .decode = decode};
static const struct alloc_sequence_family nameless = {.size = sizeof records, .decode = decode};
static char *texts;
static int right_in_handler;
static void handler(int number) {
  struct alloc_info info;
  right_in_handler = number == SIGUSR1 && alloc_query(texts + 6, ALLOC_NOWAIT, &info) == 0 && info.base == texts + 4 && info.size == 6;
}
struct tally { long elements, characters, others; };
static int tally(const struct alloc_step *step, void *context) {
  struct tally *tally = context;
  if (step->subobject != NULL) ++tally->characters;
  else if (strcmp(step->allocation.allocator->name, "strings") == 0) ++tally->elements;
  else ++tally->others;
  return 0;
}

int main(void) {
  texts = calloc(20, 1);
  memcpy(texts, "one\0three\0\0four", 15);
  printf("%d\n", alloc_make_sequence(texts, alloc_string_family()));
  list("texts", texts);
  tell(texts, 0), tell(texts, 6), tell(texts, 10);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("%d\n", right_in_handler);
  memcpy(texts, "uno dos", 7); /* what it holds now counts */
  list("changed", texts);

  char *utf8 = malloc(14);
  memcpy(utf8, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\x80\xc3z", 14);
  printf("%d\n", alloc_make_sequence(utf8, alloc_utf8_family()));
  list("UTF-8", utf8);
  tell(utf8, 5), tell(utf8, 9), tell(utf8, 11);

  char *bytes = calloc(16, 1);
  memcpy(bytes, "\3abc\1x\2yz\0", 10);
  printf("%d\n", alloc_make_sequence(bytes, &records));
  list("records", bytes);
  tell(bytes, 5), tell(bytes, 12);
  printf("%d %d %d %d\n", alloc_make_sequence(bytes, NULL), alloc_make_sequence(bytes, &nameless), alloc_make_sequence(&calls + 0, &records),
         alloc_make_sequence(bytes + 12, &records));
  alloc_demote(bytes);
  tell(bytes, 5);

  char *zeroes = calloc(131072, 1);
  alloc_make_sequence(zeroes, alloc_string_family());
  struct alloc_info info, pool;
  struct tally all = {0};
  alloc_query(zeroes, 0, &info);
  alloc_get_parent(&info, 0, &pool);
  int result = alloc_walk_tree(&pool, ALLOC_WALK_SUBOBJECTS, tally, &all);
  printf("%d: %ld texts, %ld characters, %ld other\n", result, all.elements, all.characters, all.others);
  return 0;
}
EOF
build a.c -Wall -Werror
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0
texts: 0+4 4+6 10+1 11+5 16+1 17+1 18+1 19+1 in __default_lib_malloc
  at 0: strings 0+4 __ARR0_signed_char$8
  at 6: strings 4+6 __ARR0_signed_char$8
  at 10: strings 10+1 __ARR0_signed_char$8
1
changed: 0+10 10+1 11+5 16+1 17+1 18+1 19+1 in __default_lib_malloc
0
UTF-8: 0+1 1+2 3+3 6+4 10+1 11+1 12+1 13+1 in __default_lib_malloc
  at 5: UTF-8 3+3 __ARR0_signed_char$8
  at 9: UTF-8 6+4 __ARR0_signed_char$8
  at 11: UTF-8 11+1 __ARR0_signed_char$8
0
records: 0+4 4+2 6+3 in __default_lib_malloc
  at 5: records 4+2 -
  at 12: __default_lib_malloc 0+16 *
-12 -12 0 -20
  at 5: __default_lib_malloc 0+16 *
0: 131072 texts, 131072 characters, 1 other
EOF
