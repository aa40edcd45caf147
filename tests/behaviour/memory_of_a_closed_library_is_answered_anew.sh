#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

cat > plugin.c <<'END'
int g_plugin[100000] = {1};
END
cat > host.c <<'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int g_last[1000];
static const char* who(const void* p) {
  struct allocator* a = alloc_get_allocator(p);
  return a != NULL ? a->name : "nobody";
}
int main(void) {
  void* plugin = dlopen("./libplugin.so", RTLD_NOW);
  char* inside = (char*)dlsym(plugin, "g_plugin") + 200000;
  for (int i = 0; i < 3; i++) alloc_get_type(inside);
  printf("open: %s, size %zu\n", who(inside), alloc_get_size(inside));
  dlclose(plugin);
  printf("closed: still static: %d\n", strcmp(who(inside), "static") == 0);
  for (int i = 0; i < 400; i++) {  // glibc maps big blocks where the library was
    char* block = malloc(300000);
    if (inside < block || inside >= block + 300000) continue;
    printf("a block: %s, its own start: %d\n", who(inside), alloc_get_base(inside) == block);
    break;
  }
  for (int i = 0; i < 3; i++) alloc_get_type(&g_last[999]);
  char* small = malloc(100);
  printf("beside the heap: %s, %s\n", who(&g_last[999]), who(small));
  return 0;
}
END
$CC -g -shared -fPIC -o libplugin.so plugin.c
build host.c -no-pie -ldl
# What is mapped where the library was is up to the kernel: mostly a block, at times memory of the run time's.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  preload ./host > out
  ! grep -q '^a block' out || break
done
expect out <<'END'
open: static, size 400000
closed: still static: 0
a block: __default_lib_malloc, its own start: 1
beside the heap: static, __default_lib_malloc
END
