#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A pointer to characters that receives a block is one witness. What the program does with the block, in whichever function, is a second: bytes are read
# or written, and nothing wider. Where it only copies, or writes numbers as well, the first stays alone.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct client { long id; char *reply, *copy, *mixed; long used; };
__attribute__((noinline)) void open_client(struct client *c, int n) { c->reply = malloc(n); c->copy = malloc(n); c->mixed = malloc(n); }
__attribute__((noinline)) void put(struct client *c, char what) { c->reply[c->used++] = what; c->mixed[c->used] = what; }
__attribute__((noinline)) void copy(struct client *c, const char *from, int n) { memcpy(c->copy, from, n); }
__attribute__((noinline)) void count(struct client *c) { ++*(long *)c->mixed; }
static void tell(const char *what, char *p) {
  struct alloc_info info;
  alloc_query(p, 0, &info);
  printf("%s: %s %d%s\n", what, UNIQTYPE_NAME(info.type), info.type_grade, info.evidence & ALLOC_EV_SITE_USE ? " use" : "");
  char text[4096];
  alloc_describe(p, text, sizeof text);
  puts(strstr(text, "used as that") == NULL ? "not said" : "said");
}
int main(int count_of, char **arguments) {
  struct client *client = calloc(1, sizeof *client);
  open_client(client, count_of * 100);
  put(client, 'a');
  copy(client, arguments[0], 2);
  count(client);
  tell("written", client->reply);
  tell("copied", client->copy);
  tell("counted in", client->mixed);
  return 0;
}
END
for level in -O1 -O2; do
  build a.c $level
  allocs meta build ./a > made || fail "allocs meta build ended with $?"
  preload ./a > out || fail "exit status $?"
  expect out <<'END'
written: __ARR0_signed_char$8 3 use
said
copied: __ARR0_signed_char$8 2
not said
counted in: __ARR0_signed_char$8 2
not said
END
done
