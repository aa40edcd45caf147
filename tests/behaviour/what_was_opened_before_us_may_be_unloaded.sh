#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Objects that came with the program are never unloaded, so nothing is noted when they end. What a constructor opened before our start, past
# our dlopen, is none of these, though it is there by then: once it is closed, another library of the same size in its place is told to be itself.
. "$(dirname "$0")/lib.sh"

plug() {
  cat << END
#include <stdlib.h>
struct $2 { $1 a[16]; };
struct $2 in_plug;
void *make(void) {
  struct $2 *made = malloc(sizeof *made);
  return made;
}
END
}
plug int first > first.c
plug unsigned second > second.c
cat > before.c << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
void *opened_before;
static __attribute__((constructor)) void open_first(void) {
  void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
#ifdef BY_NAMESPACE
  opened_before = dlmopen(LM_ID_BASE, "./first.so", RTLD_NOW);
#else
  opened_before = next("./first.so", RTLD_NOW);
#endif
}
END
cat > a.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
extern void *opened_before;
static void *ask(void *library) {
  void *(*make)(void) = (void *(*)(void))dlsym(library, "make");
  void *variable = dlsym(library, "in_plug");
  printf("%s %s\n", uniqtype_name(alloc_get_type(variable)), uniqtype_name(alloc_get_type(make())));
  return variable;
}
int main(void) {
  if (opened_before == NULL) return 1;
  void *was = ask(opened_before);
  dlclose(opened_before);
  struct alloc_info info;
  printf("%s\n", alloc_query(was, 0, &info) == ALLOC_OK && info.allocator != NULL ? info.allocator->name : "nothing");
  void *second = dlopen("./second.so", RTLD_NOW);
  if (second == NULL) return 1;
  printf("%s\n", ask(second) == was ? "same place" : "elsewhere");
  return 0;
}
END
for library in first second; do $CC -g -O0 -fPIC -shared -o $library.so $library.c; done
for way in "" -DBY_NAMESPACE; do
  $CC -O1 -fPIC -shared $way -o libbefore.so before.c -ldl
  build a.c ./libbefore.so -ldl
  LD_PRELOAD="$PRELOAD ./libbefore.so" ./a > out || fail "${way:-past the hook}: exit status $?"
  expect out << 'END'
first first
nothing
second second
[se]*
END
done
