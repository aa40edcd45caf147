#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A signal handler that comes after each single instruction of malloc, realloc, free, dlopen, dlclose, thrown exceptions and of
# queries themselves gets true answers, and the interrupted call goes on.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <initializer_list>
#include <stdio.h>
#include <string.h>
#include "at_every_instruction.h"
static long global;
static char *kept, *changing;
static size_t sizes[2];
static long wrong, known, in_flux;
static void complain(const char *what, const alloc_info &info) {
  if (++wrong < 10) fprintf(stderr, "%s: %p %zu error %d\n", what, info.base, info.size, info.error);
}
static void ask(ucontext_t *) {
  alloc_info info;
  int local;
  if (alloc_query(kept + 77, ALLOC_NOWAIT, &info) != 0 || info.base != kept || info.size != 777) complain("kept", info);
  if (alloc_query(&global, ALLOC_NOWAIT, &info) != 0 || info.base != &global || info.size != 8) complain("global", info);
  if (alloc_query(&local, ALLOC_NOWAIT, &info) != 0 || info.allocator != &__stackframe_allocator) complain("local", info);
  if (changing == NULL) return;
  const int error = alloc_query(changing + 40, ALLOC_NOWAIT, &info);
  known += error == 0, in_flux += error == ALLOC_E_BEING_RESIZED;
  if (error == 0 && (info.base != changing || (info.size != sizes[0] && info.size != sizes[1]))) complain("changing", info);
  if (error == ALLOC_E_NOTHING_THERE) complain("nothing there", info);
}
// Whether it is there or not may be asked; what must not be is another block.
static void ask_of_another(ucontext_t *) {
  alloc_info info;
  if (alloc_query(changing + sizes[0] / 2, ALLOC_NOWAIT, &info) == 0 && (info.base != changing || (info.size != sizes[0] && info.size != sizes[1]))) complain("another", info);
}
template <typename F> static void each(const char *what, void (*on_instruction)(ucontext_t *), long least, F work) {
  watch_instructions(on_instruction);
  g_instructions = known = in_flux = 0;
  start_stepping();
  work();
  stop_stepping();
  fprintf(stderr, "%s: %ld instructions, %ld known, %ld in flux\n", what, (long)g_instructions, known, in_flux);
  if (g_instructions < least) printf("%s: only %ld instructions\n", what, (long)g_instructions);
}
__attribute__((noinline)) static void thrower(int n) {
  volatile char *room = (volatile char *)__builtin_alloca(n);
  room[0] = 1;
  if (n < 100) throw n;
  thrower(n / 2);
}
int main() {
  kept = (char *)malloc(777);
  alloc_info info;
  alloc_query(&global, 0, &info), alloc_query(&kept, 0, &info);
  dlclose(dlopen("./plugin.so", RTLD_NOW));
  each("malloc and free", ask, 200, [] { for (size_t n = 10; n < 300000; n = n * 3) { void *volatile p = malloc(n); free(p); } });
  each("new and delete", ask, 50, [] { delete[] new char[333]; delete new long; });
  for (size_t large : {9000ul, 200ul, 5000000ul}) {
    changing = (char *)malloc(sizes[0] = large);
    sizes[1] = large * 2 / 3;
    each("realloc in place", ask, 60, [] { char *p = (char *)realloc(changing, sizes[1]); if (p != changing) puts("it moved"); });
    changing = NULL;
  }
  for (size_t size : {24ul, 200ul, 5000ul, 300000ul}) {
    changing = (char *)malloc(sizes[0] = size), sizes[1] = size * 10;
    void *behind = malloc(size), *moved = NULL;
    each("realloc that moves", ask_of_another, 100, [&] { moved = realloc(changing, sizes[1]); });
    each("free", ask_of_another, 5, [&] { free(moved); });
    changing = NULL;
    free(behind);
  }
  each("dlopen", ask, 1000, [] { void *library = dlopen("./plugin.so", RTLD_NOW); dlclose(library); });
  each("exceptions", ask, 1000, [] { try { thrower(1000); } catch (int) { } });
  each("queries", ask, 300, [] { alloc_info i; alloc_query(kept + 5, ALLOC_NOWAIT, &i), alloc_query(&i, ALLOC_NOWAIT, &i), alloc_query(&i, 0, &i); });
  each("text", ask, 1000, [] { char text[300]; alloc_describe_wait(&global, text, sizeof text); });
  printf("%ld wrong\n", wrong);
}
END
echo "int plugin[100]; int f(void) { return plugin[3]; }" > plugin.c
$CC -g -shared -fPIC -o plugin.so plugin.c
build a.cc -O1 -I"$ALLOCS_SOURCE/tests/programs" -ldl
preload ./a > out || fail "exit status $?"
expect out << 'END'
0 wrong
END
