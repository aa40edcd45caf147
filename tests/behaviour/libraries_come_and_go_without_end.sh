#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 3000 times dlopen and dlclose (10^5 with ALLOCS_TEST_SIZE=all), and dlmopen into namespaces: each time the library's blocks, functions and variables
# are answered, what it left is still its own, and memory does not grow with the number of times.
. "$(dirname "$0")/lib.sh"

cat > plugin.c << 'END'
#include <stdlib.h>
int plugin_data[50] = {1};
void *plugin_allocate(void) { return malloc(5 * sizeof(int)); }
END
cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static long wrong;
static long resident(void) {
  long size, pages;
  FILE *file = fopen("/proc/self/statm", "r");
  if (fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
  fclose(file);
  return pages * 4;
}
static void is(const void *at, const char *allocator, const void *base, size_t size) {
  struct alloc_info info;
  if (alloc_query(at, 0, &info) == 0 && strcmp(info.allocator->name, allocator) == 0 && info.base == base && (size == 0 || info.size == size)) return;
  if (++wrong < 10) printf("%s: %s %p %zu error %d\n", allocator, info.allocator ? info.allocator->name : "-", info.base, info.size, info.error);
}
static void *use(void *library) {
  int *data = dlsym(library, "plugin_data");
  void *(*allocate)(void) = (void *(*)(void))dlsym(library, "plugin_allocate");
  is(data + 20, "static", data, sizeof(int) * 50), is((void *)allocate, "static", (void *)allocate, 0);
  return allocate();
}
int main(int argc, char **argv) {
  const long times = atol(argv[argc - 1]);
  long before = 0;
  void *kept = NULL;
  for (long i = 0; i < times; ++i) {
    void *library = dlopen("./plugin.so", RTLD_NOW);
    void *block = use(library);
    dlclose(library);
    is(block, "__default_lib_malloc", block, 20);
    if (i == 0) kept = block;
    else free(block);
    if (i == 500) before = resident();
  }
  is(kept, "__default_lib_malloc", kept, 20);
  const long grown = resident() - before;
  printf("%ld wrong, %s\n", wrong, grown < 2000 ? "no growth" : "growth");
  wrong = 0;
  for (int i = 0; i < 5; ++i) {  // glibc has 15 namespaces
    void *library = dlmopen(LM_ID_NEWLM, "./plugin.so", RTLD_NOW);
    if (library == NULL) { puts(dlerror()); return 1; }
    int *data = dlsym(library, "plugin_data");
    struct alloc_info info;
    is(data + 20, "static", data, sizeof(int) * 50);
    // The namespace has a C library, and so a malloc, of its own: its blocks are nobody's that we know.
    char *block = ((char *(*)(void))dlsym(library, "plugin_allocate"))();
    if (alloc_query(block, 0, &info) == 0 && strcmp(info.allocator->name, "__default_lib_malloc") == 0) ++wrong;
    dlclose(library);
  }
  printf("%ld wrong\n", wrong);
}
END
$CC -g -shared -fPIC -o plugin.so plugin.c
build a.c -O1 -ldl
[ "${ALLOCS_TEST_SIZE:-}" = all ] && times=100000 || times=3000
preload ./a $times > out || fail "exit status $?: $(cat out)"
expect out << 'END'
0 wrong, no growth
0 wrong
END
