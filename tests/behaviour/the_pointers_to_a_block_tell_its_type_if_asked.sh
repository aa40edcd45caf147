#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Of a block of which neither its call nor itself says anything, the pointers to it tell the type, weakly, to whoever asks for that: if it fits and all
# agree. Inside by a flag, from outside with the references.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs.h>
#include <stdio.h>
struct node { struct node *next; long value; char name[8]; };
struct other { double a, b, c; };
struct node *head, *second, *half, *typed;
struct other *claims;
double *samples;
long *inner;
char *text;
void *anything;
void *volatile pool;
__attribute__((noinline)) void *get(size_t n) { pool = malloc(n); return pool; }
static void tell(const char *what, const void *p) {
  struct alloc_info info;
  alloc_query(p, 0, &info);
  if (info.type != NULL) printf("already %d, ", info.type_grade);
  alloc_query(p, ALLOC_NOWAIT | ALLOC_ASK_REFERRERS, &info);
  if (info.type != NULL) printf("at once, ");
  alloc_query(p, ALLOC_ASK_REFERRERS, &info);
  printf("%s: %s %d%s\n", what, UNIQTYPE_NAME(info.type), info.type_grade, info.evidence & ALLOC_EV_REFERRER ? " pointers" : "");
}
int main(int count, char **arguments) {
  (void)arguments;
  head = get(sizeof *head);
  inner = &head->value;
  tell("one pointer, and one into it", head);
  head->next = get(sizeof *head);
  tell("a pointer in a block of no known type", head->next);
  typed = malloc(sizeof *typed);
  typed->next = get(sizeof *typed);
  tell("a pointer in a typed block", typed->next->name);
  tell("known", typed);
  second = get(sizeof *second);
  claims = (struct other *)second;
  tell("two that disagree", second);
  half = get(2 * sizeof *half);
  tell("twice as large", half);
  samples = get(10 * sizeof *samples);
  tell("numbers", samples);
  text = get(24);
  anything = text;
  tell("bytes", text);
  if (count > 1) {
    printf("ready %p\n", (void *)head);
    fflush(stdout);
    getchar();
  }
  return 0;
}
END
build a.c -O1
allocs meta build ./a > made || fail "allocs meta build ended with $?"
preload ./a > out || fail "exit status $?"
expect out <<'END'
one pointer, and one into it: node 1 pointers
a pointer in a block of no known type: (no type) 0
a pointer in a typed block: node 1 pointers
already [34], at once, known: node [34]
two that disagree: (no type) 0
twice as large: (no type) 0
numbers: __ARR10_float$64 1 pointers
bytes: (no type) 0
END
start_guest ./a wait
allocs refs $pid "$(sed -n 's/^ready //p' output)" > refs || fail "allocs refs ended with $?"
expect_line refs 'by the pointers to it: struct node (weak)'
exec 3>&-
wait $pid
