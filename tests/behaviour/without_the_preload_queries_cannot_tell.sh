#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that links liballocs.so runs without the run time, and every question is answered "cannot tell".
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
int main(void) {
  struct alloc_info info;
  void *p = malloc(10);
  printf("%d %d\n", alloc_query(p, 0, &info), alloc_query(main, ALLOC_NOWAIT, &info));
  puts(alloc_error_message(info.error));
  printf("%s %zu %s\n", alloc_get_allocator(p)->name, alloc_get_size(&p), uniqtype_name(alloc_get_type(p)));
  return uniqtype_by_name("int$32") != NULL || info.allocator != NULL;
}
END
build a.c
./a > out
expect out << 'END'
-10 -10
the run time is not loaded*
(cannot tell) 0 (no type)
END
