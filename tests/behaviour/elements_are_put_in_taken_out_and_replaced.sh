#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sequence is edited element by element, in a block and in a file; what would make other elements of its neighbours is refused.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#define _GNU_SOURCE
#include <allocs/elf_file.h>
#include <allocs/sequence.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *pool_of(const void *element, size_t *size) {
  struct alloc_info info, pool;
  alloc_query(element, 0, &info);
  alloc_get_parent(&info, 0, &pool);
  *size = pool.size;
  return (char *)(size_t)pool.base;
}
static void list(const void *element) {
  struct alloc_info info, pool, each;
  struct alloc_cursor cursor;
  alloc_query(element, 0, &info);
  alloc_get_parent(&info, 0, &pool);
  printf("  %zu:", pool.size);
  alloc_begin_children(&pool, 0, &cursor);
  int zeroes = 0;
  while (alloc_next_child(&cursor, &each) == 1) {
    if (each.size == 1 && *(const char *)each.base == '\0') ++zeroes;
    else printf(" %.*s", (int)each.size, (const char *)each.base);
  }
  printf(" and %d\n", zeroes);
}
static char fixed[] = "one\0two";
static const char constant[] = "one\0two";

int main(int argc, char **argv) {
  void *at, *other;
  size_t size;
  (void)argc;
  char *texts = malloc(14);
  memcpy(texts, "one\0three\0four", 14); /* the last one has no NUL */
  alloc_make_sequence(texts, alloc_string_family());
  printf("in: %d", alloc_insert_element(texts + 4, "two", 4, ALLOC_MAY_MOVE, &at));
  texts = pool_of(at, &size);
  printf(" at %ld of %zu\n", (long)((char *)at - texts), alloc_get_size(at));
  list(at);
  printf("block: %zu, usable %d\n", size, size <= malloc_usable_size(texts));
  printf("out: %d", alloc_remove_element(texts + 9, 0, &at));
  printf(" %s\n", (char *)at - texts == 8 ? "in place" : "moved");
  list(texts);
  printf("other: %d", alloc_replace_element(texts, "a much longer first element", 28, ALLOC_MAY_MOVE, &at));
  texts = at;
  list(texts);
  printf("shorter: %d", alloc_replace_element(texts + 3, "1", 2, 0, &at));
  list(texts);
  printf("same size: %d", alloc_replace_element(texts, "I", 2, 0, &at));
  list(texts);
  printf("from itself: %d", alloc_insert_element(texts, texts + 2, 4, ALLOC_MAY_MOVE, &at));
  texts = at;
  list(texts);

  /* What would join its neighbour, is two, or is none. */
  printf("refused: %d", alloc_insert_element(texts, "open", 4, ALLOC_MAY_MOVE, &at));
  printf(" %d", alloc_insert_element(texts, "a\0b", 4, ALLOC_MAY_MOVE, &at));
  printf(" %d", alloc_replace_element(texts, "open", 4, ALLOC_MAY_MOVE, &at));
  texts = pool_of(texts, &size);
  char *last = texts + size - 1;
  printf(" %d", alloc_insert_element(last, "new", 4, ALLOC_MAY_MOVE | ALLOC_BEHIND, &at));
  printf(" %d", alloc_replace_element(last, "closed", 7, ALLOC_MAY_MOVE, &at));
  texts = pool_of(at, &size);
  printf(" then %d", alloc_insert_element(texts + size - 1, "open", 4, ALLOC_MAY_MOVE | ALLOC_BEHIND, &at));
  list(at);
  texts = pool_of(at, &size);

  printf("wrong: %d %d %d %d", alloc_insert_element(texts, NULL, 1, 0, &at), alloc_insert_element(texts, "x", 0, 0, &at), alloc_insert_element(texts, "x", 2, 64, &at),
         alloc_insert_element(texts, "x", 2, 0, NULL));
  printf(" %d %d", alloc_remove_element(texts, ALLOC_MAY_MOVE, &at), alloc_remove_element(texts, 0, NULL));
  printf(" %d %d", alloc_replace_element(texts, NULL, 1, 0, &at), alloc_replace_element(texts, "x", 2, ALLOC_BEHIND, &at));
  printf(" %d %d\n", alloc_remove_element((void *)8, 0, &at), alloc_remove_element(&at, 0, &at) < 0);

  /* No room, and not allowed to move: nothing has changed. */
  char *small = malloc(8);
  size_t usable = malloc_usable_size(small);
  memset(small, 0, 8), memcpy(small, "seven77", 8);
  alloc_make_sequence(small, alloc_string_family());
  char *big = calloc(1, usable + 1);
  memset(big, 'x', usable);
  printf("no room: %d", alloc_insert_element(small, big, usable + 1, 0, &at));
  list(small);
  printf("the only one: %d", alloc_remove_element(small, 0, &at));
  list(small);
  printf("not of a sequence: %d\n", alloc_remove_element(big, 0, &at));

  /* Variables of the program keep their size; some cannot be written. */
  alloc_make_sequence(fixed, alloc_string_family()), alloc_make_sequence(constant, alloc_string_family());
  printf("variable: %d %d", alloc_insert_element(fixed, "x", 2, ALLOC_MAY_MOVE, &at), alloc_remove_element(fixed, 0, &at));
  printf(" %d %s;", alloc_replace_element(fixed + 5, "six", 4, 0, &at), fixed + 4);
  printf(" %d %s\n", alloc_replace_element(constant + 5, "six", 4, 0, &at), constant + 4);
  char *code = calloc(16, 1);
  alloc_make_sequence(code, alloc_x86_family());
  printf("constant: %d\n", alloc_remove_element(code, 0, &at));

  /* UTF-8: a byte that would join others is refused. */
  char *utf8 = malloc(4);
  memcpy(utf8, "a\xe2\x82\xac", 4);
  alloc_make_sequence(utf8, alloc_utf8_family());
  printf("UTF-8: %d", alloc_replace_element(utf8, "\xc3\xa9", 2, ALLOC_MAY_MOVE, &at));
  utf8 = pool_of(at, &size);
  printf(" %zu %.*s;", size, (int)size, utf8);
  printf(" %d", alloc_replace_element(utf8 + 2, "\xe2\x82", 2, ALLOC_MAY_MOVE, &other));
  printf(" %d\n", alloc_insert_element(utf8 + 2, "\xc3\xa9\xc3", 3, ALLOC_MAY_MOVE, &other));
  /* Bytes that are no character, and would be one together. */
  utf8 = malloc(4), memcpy(utf8, "\xe2\x82x\xac", 4);
  alloc_make_sequence(utf8, alloc_utf8_family());
  printf("would join: %d", alloc_remove_element(utf8 + 2, 0, &other));
  printf(" %d", alloc_insert_element(utf8 + 2, "\xac", 1, ALLOC_MAY_MOVE, &other));
  printf(" %d", alloc_insert_element(utf8 + 1, "\xac", 1, ALLOC_MAY_MOVE | ALLOC_BEHIND, &other));
  printf(" %d", alloc_replace_element(utf8 + 2, "\xac", 1, 0, &other));
  printf(" %d", memcmp(utf8, "\xe2\x82x\xac", 4));
  printf(" %d\n", alloc_replace_element(utf8 + 3, "y", 1, 0, &other));

  /* In a file, beyond the end of a page. */
  int fd = open("texts", O_RDWR);
  char *mapped = mmap(NULL, 4090, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  alloc_make_sequence(mapped, alloc_string_family());
  printf("in a file: %d", alloc_insert_element(mapped + 6, "and", 4, ALLOC_MAY_MOVE, &at));
  printf(" %d", alloc_insert_element(at, "before it", 10, ALLOC_MAY_MOVE, &at));
  mapped = pool_of(at, &size);
  struct stat status;
  stat("texts", &status);
  printf(" %zu %ld %s %s\n", size, (long)status.st_size, mapped + 6, mapped + 16);
  printf("%d", alloc_remove_element(mapped + 6, 0, &at));
  printf(" %d", alloc_remove_element(mapped, 0, &at));
  mapped = pool_of(at, &size);
  stat("texts", &status);
  printf(" %zu %ld %s\n", size, (long)status.st_size, mapped);

  /* Parts of an ELF file are as large as its headers say. */
  fd = open("/proc/self/exe", O_RDONLY);
  fstat(fd, &status);
  char *file = malloc((size_t)status.st_size);
  if (read(fd, file, (size_t)status.st_size) != status.st_size) return 1;
  alloc_make_elf_file(file, (size_t)status.st_size);
  char *name = file;
  do name = (char *)memmem(name, (size_t)(file + status.st_size - name), "\0list", 6) + 1;
  while (strcmp(alloc_get_allocator(name)->name, "strings") != 0);
  printf("of an ELF file: %s %d", alloc_get_allocator(name)->name, alloc_remove_element(name, 0, &at));
  printf(" %d %s\n", alloc_replace_element(name, "LIST", 5, 0, &at), (char *)alloc_get_base(name));
  (void)argv;
  return 0;
}
END
build a.c -Wall -Wextra -Werror
printf 'first\0' > texts
head -c 4080 /dev/zero | tr '\0' 'x' >> texts
printf '\0end' >> texts
preload ./a > out || fail "exit status $?"
tr '\0' ' ' < out > told
expect told <<'END'
in: 0 at 4 of 4
  18: one two three four and 0
block: 18, usable 1
out: 0 in place
  12: one two four and 0
other: 0  36: a much longer first element two four and 0
shorter: 0  10: 1 two four and 0
same size: 0  10: I two four and 0
from itself: 0  14: two I two four and 0
refused: -12 -12 -12 -12 0 then 0  21: two I two closed open and 0
wrong: -12 -12 -12 -12 -12 -12 -12 -12 -1 1
no room: -21  8: seven77 and 0
the only one: -12  8: seven77 and 0
not of a sequence: -14
variable: -15 -15 0 six; -24 two
constant: -14
UTF-8: 0 5 é€; -12 -12
would join: -12 -12 -12 -12 0 0
in a file: 0 0 8192 4104 before it and
0 0 4096 4088 and
of an ELF file: strings -14 0 LIST
END
