#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A library that is loaded at another address each time costs no more memory the thousandth time than the first; its blocks, those
# that outlive it too, keep their types, and their site is where the library is now.
. "$(dirname "$0")/lib.sh"

cat > library.c << 'END'
#include <stdlib.h>
struct thing { long a, b; };
long table[100];
struct thing *make(void) { struct thing *thing = malloc(sizeof *thing); return thing; }
END
cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static long resident(void) {
  long all, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
  if (f) fclose(f);
  return pages * 4;
}
static int is_thing(void *block) { return strcmp(uniqtype_name(alloc_get_type(block)), "thing") == 0; }
int main(void) {
  void *kept[64] = {NULL};
  int wrong = 0, places = 0;
  long early = 0;
  char *last = NULL;
  for (int i = 0; i < 3000; ++i) {
    Dl_info site = {0};
    void *library = dlopen("./library.so", RTLD_NOW);
    char *table = dlsym(library, "table");
    void *block = ((void *(*)(void))dlsym(library, "make"))();
    if (!is_thing(block) || (kept[i % 64] && !is_thing(kept[i % 64]))) ++wrong;
    if (strcmp(uniqtype_name(alloc_get_type(table)), "__ARR100_int$64") != 0 || alloc_get_base(table + 9) != table) ++wrong;
    if (!dladdr(alloc_get_site(block), &site) || strcmp(site.dli_sname, "make") != 0) ++wrong;
    places += table != last;
    last = table;
    free(kept[i % 64]);
    kept[i % 64] = block;
    dlclose(library);
    mmap(NULL, 5 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); /* stays in its place */
    if (i == 1000) early = resident();
  }
  const long growth = resident() - early;
  printf("%d wrong, %s places, %s\n", wrong, places > 2000 ? "many" : "few", growth < 1000 ? "no growth" : "growth");
  return 0;
}
END
$CC -g -O1 -shared -fPIC -o library.so library.c
build a.c
preload ./a > out
expect out << 'END'
0 wrong, many places, no growth
END
