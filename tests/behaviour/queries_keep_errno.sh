#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No query changes errno, whatever it finds and even when it makes metadata first.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <errno.h>
#include <stdio.h>
int main(int argc, char **argv) {
  int *p = malloc(8);
  const void *each[] = {main, p, &p, argv, NULL, (void *)-1, (void *)1, puts, stdout, &errno, "text"};
  struct alloc_info info;
  struct alloc_path_entry path[8];
  char text[99];
  int changed = 0;
  for (int round = 0; round < 2; ++round)
    for (unsigned i = 0; i < sizeof each / sizeof *each; ++i) {
      errno = 4711 + round;
      const void *at = each[i];
      alloc_query(at, 0, &info), alloc_query(at, ALLOC_NOWAIT, &info);
      alloc_get_allocator(at), alloc_get_base(at), alloc_get_size(at), alloc_get_type(at), alloc_get_site(at);
      alloc_get_path(at, 0, path, 8), alloc_format_path(at, 0, text, 99);
      alloc_describe(at, text, 99), alloc_describe_wait(at, text, 99);
      uniqtype_by_name("no such type"), uniqtype_pointer_to(alloc_get_type(at));
      changed += errno != 4711 + round;
    }
  free(malloc(1 << 20));
  printf("%d\n", changed + argc - 1);
}
END
build a.c
XDG_CACHE_HOME=$PWD/empty preload ./a > out
expect out << 'END'
0
END
