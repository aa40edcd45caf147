#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ALLOCS_META=never: no image is made; names and bounds come from ELF symbols, types are missing, and the reason is told.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
int table[10];
int main(void) {
  int *p = malloc(8);
  const void *each[] = {main, &table[3], p, &p};
  for (int i = 0; i < 4; ++i) {
    struct alloc_info info;
    alloc_query(each[i], 0, &info);
    printf("%s %s %s\n", info.allocator->name, uniqtype_name(info.type), alloc_error_message(info.type_error));
  }
  printf("%zu %zu\n", alloc_get_size(&table[5]), alloc_get_size(p));
}
END
build a.c
ALLOCS_META=never XDG_CACHE_HOME=$PWD/cache preload ./a > out
expect out << 'END'
static (no type) the object has no metadata
static (no type) the object has no metadata
__default_lib_malloc (no type) the object has no metadata
stackframe (no type) the object has no metadata
40 8
END
[ ! -e cache ] || fail "something was put in the cache"
