#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How much of the stack each question takes is what signal_safety.md says: 12 KiB where it may be asked in a handler, 32 KiB where it may wait.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
enum { size = 1 << 17, mark = 0xA5 };
static char stack[size] __attribute__((aligned(64)));
static ucontext_t here, there;
static int variable;
static char *block;
static void (*question)(void);
static void on_other_stack(void) { question(); }
static size_t use_of(void (*asked)(void)) {
  memset(stack, mark, size);
  getcontext(&there);
  there.uc_stack.ss_sp = stack, there.uc_stack.ss_size = size, there.uc_link = &here;
  question = asked;
  makecontext(&there, on_other_stack, 0);
  swapcontext(&here, &there);
  size_t untouched = 0;
  while (untouched < size && (unsigned char)stack[untouched] == mark) ++untouched;
  return size - untouched;
}
static struct alloc_info info;
static char text[256];
static void nothing(void) {}
static void local_nowait(void) { int local; alloc_query(&local, ALLOC_NOWAIT, &info); }
static void static_nowait(void) { alloc_query(&variable, ALLOC_NOWAIT, &info); }
static void block_nowait(void) { alloc_query(block, ALLOC_NOWAIT, &info); }
static void wild_nowait(void) { alloc_query((void *)0x123456789, ALLOC_NOWAIT, &info); }
static void describe_local(void) { int local; alloc_describe(&local, text, sizeof text); }
static void describe_block(void) { alloc_describe(block, text, sizeof text); }
static void path(void) { alloc_format_path(block, ALLOC_NOWAIT, text, sizeof text); }
static void local_waits(void) { int local; alloc_query(&local, 0, &info); }
static void static_waits(void) { alloc_query(&variable, 0, &info); }
static void block_waits(void) { alloc_query(block, 0, &info); }
static void wild_waits(void) { alloc_query((void *)0x123456789, 0, &info); }
int main(int argc, char **argv) {
  block = malloc(40);
  const struct { const char *name; void (*ask)(void); int may_wait; } each[] = {
      {"local, nowait", local_nowait, 0}, {"static, nowait", static_nowait, 0}, {"block, nowait", block_nowait, 0}, {"wild, nowait", wild_nowait, 0},
      {"describe local", describe_local, 0}, {"describe block", describe_block, 0}, {"path", path, 0},
      {"local", local_waits, 1}, {"static", static_waits, 1}, {"block", block_waits, 1}, {"wild", wild_waits, 1},
      {"local again, nowait", local_nowait, 0}, {"static again, nowait", static_nowait, 0}, {"describe local again", describe_local, 0}};
  const size_t own = use_of(nothing);
  int too_much = 0;
  for (size_t i = 0; i < sizeof each / sizeof *each; ++i) {
    const size_t used = use_of(each[i].ask) - own;
    if (argc > 1) printf("%s: %zu\n", each[i].name, used);
    if (used > (each[i].may_wait ? 32768u : 12288u)) ++too_much, printf("%s takes %zu\n", each[i].name, used);
  }
  (void)argv;
  return printf("%d take too much\n", too_much), 0;
}
END
build a.c -O1
preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
0 take too much
END
