#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program may ask before the run time has started (from the resolver of an indirect function, from .preinit_array, from the constructors of
# libraries that come earlier) and after it has ended (from atexit, from destructors of libraries that are later): then some things cannot be
# told, but what is told is so.
. "$(dirname "$0")/lib.sh"

cat > ask.h << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
static long variable[7] = {1};
static char told[2][9];
static char verdict(const void *at, const char *allocator, size_t size, unsigned flags) {
  struct alloc_info info;
  const int error = alloc_query(at, flags, &info);
  if (error == ALLOC_E_NOTHING_THERE) return '0';
  if (error != 0) return '?';
  // In a resolver the C library takes its first memory by mmap.
  if (strcmp(allocator, "the heap") == 0) return strcmp(info.allocator->name, "brk") == 0 || strcmp(info.allocator->name, "mmap") == 0 ? 'y' : 'n';
  return strcmp(info.allocator->name, allocator) == 0 && (size == 0 || info.size == size) ? 'y' : strncmp(info.allocator->name, "static-", 7) == 0 && strcmp(allocator, "static") == 0 ? 'p' : 'n';
}
// A block, one that was resized, where a freed one was (the heap), a variable, a function, a frame.
static void ask(void) {
  long local[2] = {1};
  for (unsigned flags = 0; flags < 2; ++flags) {
    long *block = malloc(24), *resized = realloc(malloc(30), 300), *freed = malloc(48);
    free(freed);
    char *to = told[flags];
    *to++ = verdict(block + 1, "__default_lib_malloc", 24, flags), *to++ = verdict(resized + 1, "__default_lib_malloc", 300, flags);
    *to++ = verdict(freed + 1, "the heap", 0, flags), *to++ = verdict(variable + 1, "static", sizeof variable, flags);
    *to++ = verdict((void *)ask, "static", 0, flags), *to++ = verdict(local, "stackframe", 0, flags);
    free(block), free(resized);
  }
}
static void say(const char *when) { printf("%s %s %s\n", when, told[0], told[1]), fflush(stdout); }
END
cat > library.c << 'END'
#include "ask.h"
__attribute__((constructor)) static void begin(void) { ask(), say("constructor of a library"); }
__attribute__((destructor)) static void end(void) { ask(), say("destructor of a library"); }
int library_function(void) { return 1; }
END
cat > a.c << 'END'
#include "ask.h"
int library_function(void);
static char resolved[2][9];
static int chosen(void) { return 1; }
static int (*resolve(void))(void) { ask(), memcpy(resolved, told, sizeof told); return chosen; }
static int indirect(void) __attribute__((ifunc("resolve")));
static void early(int argc, char **argv, char **environment) { (void)argc, (void)argv, (void)environment; ask(), say("preinit"); }
__attribute__((section(".preinit_array"), used)) static void (*const kEarly)(int, char **, char **) = early;
__attribute__((constructor)) static void begin(void) { ask(), say("constructor"); }
__attribute__((destructor)) static void end(void) { ask(), say("destructor"); }
static void at_exit(void) { ask(), say("atexit"); }
int main(void) {
  memcpy(told, resolved, sizeof told), say("resolver");
  atexit(at_exit);
  ask(), say("main");
  return indirect() - library_function();
}
END
$CC -g -shared -fPIC -I. -I"$ALLOCS_PREFIX/include" -o libearly.so library.c
build a.c -O0 -I. -L. -learly -Wl,-rpath,. -Wl,-z,now
preload ./a > out || fail "exit status $?: $(cat out)"
# Each is right (y), a part of the truth (p: "static-file"), or cannot be told: never something else (n), never nothing (0).
grep -E '^[a-z ]* yy[y?][yp?][yp?][y?] yy[y?][yp?][yp?][y?]$' out > true || true
diff -u true out >&2 || fail "a wrong answer"
[ "$(wc -l < true)" -eq 8 ] || fail "somebody did not ask: $(cat out)"
expect_line out 'main yyyyyy yy[?]yyy'
