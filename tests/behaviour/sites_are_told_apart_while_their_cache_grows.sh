#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The cache of call sites begins small and grows as they get in each other's way. Whatever its size, a block has the site that made it and that
# site's type; so it is when the library of the sites is unloaded, at any size of the cache, and another one comes in its place.
. "$(dirname "$0")/lib.sh"

cat > sites.py << 'END'
import sys
name, count = sys.argv[1], int(sys.argv[2])
print(f"#include <stddef.h>\n#include <stdlib.h>\nstruct {name} {{ int number; }};")
for n in range(count):
    # All of them lie a multiple of 2 KiB apart: while the cache is small they have one slot.
    print(f"""__attribute__((noinline, aligned(2048))) void *site{n}(void *unused) {{
  struct {name} *made = malloc(sizeof *made);
  __asm__ volatile("" : : "r"(unused) : "memory");
  return made;
}}""")
print("void *(*const sites[])(void *) = {" + ", ".join(f"site{n}" for n in range(count)) + "};")
print(f"const size_t site_count = {count};")
END
cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef void *(*site)(void *);
static long wrong, right;
static void check(const char *name, int rounds) {
  char file[64];
  snprintf(file, sizeof file, "./%s.so", name);
  void *library = dlopen(file, RTLD_NOW);
  if (library == NULL) exit(1);
  const site *sites = dlsym(library, "sites");
  const size_t count = *(const size_t *)dlsym(library, "site_count");
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < count; ++i) {
      void *made = sites[i](NULL);
      const char *called = alloc_get_site(made);
      const char *begin = (const char *)sites[i];
      const char *type = uniqtype_name(alloc_get_type(made));
      if (called > begin && called < begin + 64 && type != NULL && strcmp(type, name) == 0) {
        ++right;
      } else {
        ++wrong;
      }
      free(made);
    }
  }
  dlclose(library);
}
static unsigned long mask(const char *offset) {
  Dl_info of_malloc;
  if (offset == NULL || dladdr(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc) == 0) return 0;
  return *(const uint64_t *)((const char *)of_malloc.dli_fbase + strtoul(offset, NULL, 16));
}
int main(int count, char **arguments) {
  const char *offset = count > 1 ? arguments[1] : NULL;
  const unsigned long first = mask(offset);
  // In the small cache; while it grows; in the whole one; and the same places with other code in between.
  check("few", 2);
  check("other", 2);
  const unsigned long small = mask(offset);
  check("few", 100);
  check("other", 100);
  check("many", 30);
  check("other", 3);
  check("many", 3);
  printf("%ld right, %ld wrong\n", right, wrong);
  if (offset != NULL) printf("%d %d\n", small == first, mask(offset) == first * 64 + 63 * 16);
  return wrong != 0;
}
END
python3 sites.py few 12 > few.c
python3 sites.py other 12 > other.c
python3 sites.py many 400 > many.c
for library in few other many; do $CC -g -O1 -fPIC -shared -o $library.so $library.c; done
build a.c -O1 -ldl
# The cache's size is a variable of the library's own, so only where its symbols were not stripped.
offset=$(nm "$PRELOAD" 2> nm.err | sed -n 's/^\([0-9a-f]*\) . .*g_site_slot_maskE$/\1/p')
preload ./a $offset > out || fail "$(cat out)"
[ "$(sed -n 1p out)" = "$((12 * (2 + 2 + 100 + 100 + 3) + 400 * 33)) right, 0 wrong" ] || fail "$(cat out)"
[ -z "$offset" ] || [ "$(sed -n 2p out)" = "1 1" ] || fail "the cache does not grow from small to large: $(sed -n 2p out)"
