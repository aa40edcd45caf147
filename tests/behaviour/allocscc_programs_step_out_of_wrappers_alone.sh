#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that allocscc linked carries what tells its wrappers: the sites and types are right in its first run, stripped, where
# nothing is in any cache and nothing may be made.
. "$(dirname "$0")/lib.sh"
cp "$ALLOCS_SOURCE/tests/programs/wrappers.c" a.c
# As redis has it: a least size, and a call between the allocation and the return that gives the block back.
cat > b.c << 'END'
#include <allocs.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; } *point;
size_t in_use;
__attribute__((noinline)) void *as_large_as(void *block, size_t size) { return block; }
static inline void *obtain(size_t size, size_t *room) {
  if (size > ~(size_t)0 / 2) return NULL;
  void *block = malloc(size > 0 ? size : sizeof(long));
  if (!block) return NULL;
  in_use += malloc_usable_size(block);
  if (room) *room = malloc_usable_size(block);
  return block;
}
__attribute__((noinline)) void *roomy(size_t size, size_t *room) {
  size_t had = 0;
  void *block = obtain(size, &had);
  if (!block) abort();
  block = as_large_as(block, had);
  if (room) *room = had;
  return block;
}
int main(int argc, char **argv) {
  point = roomy(argc * sizeof *point, NULL);
  printf("%s\n", uniqtype_name(alloc_get_type(point)));
  char *text = roomy(argc + 5, NULL);
  printf("%s\n", uniqtype_name(alloc_get_type(text)));
  return text == argv[0];
}
END
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never

for compiler in $(command -v gcc || true) $(command -v clang-19 || command -v clang || true); do
  for flags in -O0 -O2 "-O2 -no-pie"; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" -I"$ALLOCS_PREFIX/include" -o a $flags a.c
    strip a
    preload ./a > out
    sed 's/: .*, /: /' out | sort -u > types
    expect types << 'END'
array: __ARR0_point
chained: list
cleared: __ARR0_list
grown: __ARR0_list
in_line: point
jumped: point
jumped_twice: point
one: point
END
    if grep -v ': here' out; then fail "a site is not in the wrapper's caller"; fi
    # Of this one the source alone tells the types.
    [ -e "$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so" ] || continue
    allocscc --allocs-cc="$compiler" -I"$ALLOCS_PREFIX/include" -o b $flags b.c
    strip b
    preload ./b > types
    expect types << 'END'
__ARR0_point
__ARR0_signed_char$8
END
  done
done
